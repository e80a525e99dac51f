@needs-functions @needs-secrets
Feature: Secrets agree
  The secret is rotated in the primary Region and replicated to the other one. Each Region must serve the new version
  soon after, none before it is published, and none that the backend no longer takes.

  Background:
    Given the stores of the shipped stack in us-east-1 and eu-west-1
    And a steady state of 2 minutes

  Scenario: After a rotation both Regions serve the new version
    When the secret is rotated at 0 ms
    Then after a rotation every Region serves the new version within 30 seconds
    And no Region serves a version that is not published yet
    And no Region serves a version that the backend rejects for more than 5 seconds

  @needs-fault-partition
  Scenario: A rotation during a partition locks nobody out
    When us-east-1 and eu-west-1 cannot reach each other for 5 minutes
    And the secret is rotated at 30000 ms
    Then after a rotation every Region serves the new version within 6 minutes
    And no Region serves a version that the backend rejects for more than 5 seconds

  @needs-fault-replication
  Scenario: Replication of the secret that stands still catches up
    When replication of the secret stands still for 3 minutes
    And the secret is rotated at 1000 ms
    Then after a rotation every Region serves the new version within 4 minutes
    And no Region serves a version that is not published yet
