Feature: Who moves the traffic, and how, is seen
  Each scenario must go red in its Then, for the reason it names.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minute
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  Scenario: Without name servers no Region is answered
    Red because: never-all-off: fail
    When the name servers hang for 3 minutes
    Then never are both Regions off

  Scenario: An answer that moves is counted
    Red because: answers-moved-at-most: fail
    When the application of us-east-1 answers 5xx for 8 minutes
    Then the answer to nobody changes more than 0 times

  Scenario: Where no guard changes anything, no update can be lost
    Red because: no-lost-updates: inconclusive
    When nothing breaks
    Then no change of the records is lost

  Scenario: Whoever was moved is home within the hour
    Red because: home-not-before: fail
    When the application of us-east-1 answers 5xx for 8 minutes
    Then nobody is sent home within 1 hour of the heal

  Scenario: A guard that is not asked decides nothing
    Red because: guard-decides-failed-over-us-east-1: fail
    When nothing breaks
    Then the guard of us-east-1 fails over

  Scenario: Records that follow no check are moved by no checker
    Red because: hop-within-checkers-unhealthy: fail
    When the application of us-east-1 answers 5xx for 8 minutes
    Then the checkers say unhealthy within 2 minutes of the first failure
