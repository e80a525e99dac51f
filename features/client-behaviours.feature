@needs-dns
Feature: Users are back when their clients let them
  The records move once; each kind of client follows in its own time, or not at all.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minutes
    And 10 requests per second from north-america at home in us-east-1

  @needs-alarms @needs-apis @needs-fault-application @needs-functions @needs-tables
  Scenario: Clients that honour TTLs do not wait for those that stretch them
    Given 30 % of the clients of north-america stretch TTLs
    When the application of us-east-1 answers 5xx for 23 minutes
    Then clients that honour TTLs are back within 6 minutes
    And clients that stretch TTLs are back within 21 minutes

  @needs-alarms @needs-apis @needs-fault-application @needs-functions @needs-tables
  Scenario: A process that resolves once stays with the lost Region until it is restarted
    Given 20 % of the clients of north-america never resolve again
    And 20 % of the clients of north-america keep connections alive
    And 20 % of the clients of north-america retry everything
    When the application of us-east-1 answers 5xx for 10 minutes
    Then clients that never resolve again are not back before the heal
    And clients that keep connections alive are not back before the heal
    And clients that retry everything are back within 6 minutes

  @needs-alarms @needs-apis @needs-fault-region @needs-functions @needs-health-checks @needs-tables
  Scenario: Connections that break let their clients follow the health checks
    Given the guard is both
    And 30 % of the clients of north-america keep connections alive
    And 30 % of the clients of north-america try the next address
    When all of us-east-1 refuses connections for 8 minutes
    Then clients that keep connections alive are back within 4 minutes
    And clients that try the next address are back within 4 minutes

  Scenario: Resolvers are told what the weights declare
    Given weighted routing, us-east-1 with 75 and eu-west-1 with 25
    And a steady state of 10 minutes
    When nothing breaks
    Then answers are split as declared within 1 points
