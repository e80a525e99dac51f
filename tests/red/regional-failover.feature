Feature: Every Then goes red when the stack or the world is broken
  Each scenario must fail, in its Then, for the reason its tag names (a part of the failure's text, dots for spaces).

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  Scenario: The other Region is down before anything is lost
    Red because: steady-state-before: fail
    When the application of us-east-1 answers 5xx for 15 minutes
    Then the steady state holds before the fault
