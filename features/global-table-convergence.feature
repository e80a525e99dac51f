@needs-tables
Feature: Global tables converge
  Every write is acknowledged in one Region and arrives in the other one later: usually within a second or two, after a
  partition when it is over. What was acknowledged must be there in the end, the last writer must have won, and both
  Regions must hold the same.

  Background:
    Given the stores of the shipped stack in us-east-1 and eu-west-1
    And a steady state of 2 minutes
    And 5 writes per second to the table in each Region, over 300 keys
    And of every kind
    And 2 reads per second of them

  Scenario: Left alone, a write is everywhere within seconds
    When nothing breaks
    Then the p50 of the table's replication lag is at most 2 seconds
    And the p99 of the table's replication lag is at most 5 seconds
    And 99.9 % of the acknowledged writes are in every Region in time
    And no read is older than 10 seconds
    And nobody reads something older than before

  @needs-fault-partition
  Scenario: Regions that cannot reach each other agree afterwards
    When us-east-1 and eu-west-1 cannot reach each other for 5 minutes
    Then no acknowledged write is lost
    And the last writer wins
    And the Regions have converged within 1 minute of the heal
    And the tables are equal in the end

  @needs-fault-replication
  Scenario: One direction alone can stand still
    When replication of the table from us-east-1 to eu-west-1 stands still for 3 minutes
    Then the p99 of the table's replication lag from eu-west-1 to us-east-1 is at most 5 seconds
    And the Regions have converged within 1 minute of the heal
    And no acknowledged write is lost

  @needs-fault-region
  Scenario: What only a lost Region had comes back with it
    When all of us-east-1 is lost for 5 minutes
    Then no acknowledged write is lost
    And the RPO is at most 10 seconds
    And the Regions have converged within 1 minute of the heal
    And the tables are equal in the end

  @needs-fault-replication
  Scenario: Slow replication is late and loses nothing
    When replication of the table takes 5 times as long for 3 minutes
    Then the p50 of the table's replication lag is at most 10 seconds
    And no acknowledged write is lost
    And the tables are equal in the end

  @needs-fault-clock-skew
  Scenario: Clocks that differ cost writes their place, and no agreement
    When the clock of eu-west-1 is 400 ms ahead for 5 minutes
    Then the last writer wins
    And the tables are equal in the end
