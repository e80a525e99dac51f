Feature: Claims about kinds of clients and splits go red

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minutes
    And 10 requests per second from north-america at home in us-east-1

  Scenario: Clients that stretch TTLs are not back when the others are
    Red because: failover-within-stretches-ttl: fail
    Given 30 % of the clients of north-america stretch TTLs
    When the application of us-east-1 answers 5xx for 10 minutes
    Then clients that stretch TTLs are back within 6 minutes

  Scenario: Clients that honour TTLs do come back
    Red because: not-recovered-honours-ttl: fail
    Given 20 % of the clients of north-america never resolve again
    When the application of us-east-1 answers 5xx for 10 minutes
    Then clients that honour TTLs are not back before the heal

  Scenario: A health check overrules the weights
    Red because: split-within: fail
    Given the guard is both
    And weighted routing, us-east-1 with 50 and eu-west-1 with 50
    When /health of us-east-1 fails for 12 minutes
    Then answers are split as declared within 5 points
