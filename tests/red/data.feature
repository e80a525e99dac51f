Feature: Broken replication is seen
  Each scenario breaks the world or the stack, and the step that claims otherwise must go red for the reason it names.

  Background:
    Given the stores of the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 second
    And 5 writes per second to the table in each Region, over 5000 keys
    And 2 reads per second of them
    And 12 objects per minute in each Region

  Scenario: Lost writes are lost
    Red because: lost-writes-at-most: fail
    When the replicator drops one change in 5 for 3 minutes
    Then no acknowledged write is lost

  Scenario: Lost writes are as old as they are
    Red because: rpo-within: fail
    When the replicator drops one change in 5 for 3 minutes
    And all of us-east-1 is lost from 120000 ms to 150000 ms
    Then the RPO is at most 1 seconds

  Scenario: Slow replication is not in time
    Red because: stable-writes-at-least: fail
    When replication of the table takes 40 times as long for 3 minutes
    Then 99 % of the acknowledged writes are in every Region in time

  Scenario: What is dropped never converges
    Red because: converged-within: fail
    When the replicator drops one change in 5 for 1 minute
    Then the Regions have converged within 1 minute of the heal

  Scenario: A forgotten delete leaves tables unequal
    Red because: divergent-items-at-most: fail
    Given of every kind
    When the replicator forgets deletes for 3 minutes
    Then the tables are equal in the end

  Scenario: The earlier write must not win
    Red because: last-writer-wins: fail
    Given 10 writes per second to the table in each Region, over 300 keys
    When the replicator lets the earlier write win for 3 minutes
    Then the last writer wins

  Scenario: Slow replication has a long tail
    Red because: replication-lag-within-table-p99: fail
    When replication of the table takes 20 times as long for 3 minutes
    Then the p99 of the table's replication lag is at most 5 seconds

  Scenario: A direction that stands still has a long tail
    Red because: replication-lag-within-table-p99: fail
    When replication of the table from us-east-1 to eu-west-1 stands still for 3 minutes
    Then the p99 of the table's replication lag from us-east-1 to eu-west-1 is at most 5 seconds

  Scenario: A paused table is read stale
    Red because: stale-reads-within: fail
    Given 5 writes per second to the table in each Region, over 20 keys
    And 2 reads per second of them
    When replication of the table stands still for 3 minutes
    Then no read is older than 10 seconds

  Scenario: Versions that go back are seen going back
    Red because: monotonic-reads: fail
    Given 5 writes per second to the table in each Region, over 20 keys
    And 2 reads per second of them
    When the replicator lets the earlier write win for 3 minutes
    Then nobody reads something older than before

  Scenario: Objects that are not copied are not there
    Red because: objects-replicated: fail
    When the replicator completes objects without a copy for 3 minutes
    Then 100 % of the objects are in every Region within 15 minutes

  Scenario: COMPLETED and not there
    Red because: completed-objects-readable: fail
    When the replicator completes objects without a copy for 3 minutes
    Then whatever is COMPLETED can be read

  Scenario: Buckets that differ are said to differ
    Red because: divergent-objects-at-most: fail
    When the replicator completes objects without a copy for 3 minutes
    Then the buckets are equal in the end

  Scenario: A paused secret does not agree
    Red because: secrets-agree-within: fail
    When replication of the secret stands still for 3 minutes
    And the secret is rotated at 1000 ms
    Then after a rotation every Region serves the new version within 1 minute

  Scenario: With one user a partition locks the standby out
    Red because: rejected-secret-at-most: fail
    Given the secret is rotated by the strategy single-user
    When us-east-1 and eu-west-1 cannot reach each other for 3 minutes
    And the secret is rotated at 1000 ms
    Then no Region serves a version that the backend rejects for more than 5 seconds

  Scenario: A secret that is published too early
    Red because: published-secrets-only: fail
    When the replicator publishes pending secrets for 3 minutes
    And PutItem of dynamodb is down from 9000 ms to 60000 ms
    And the secret is rotated at 10000 ms
    Then no Region serves a version that is not published yet
