@needs-buckets
Feature: Objects replicate
  Both buckets replicate to each other. An object is PENDING until it is there, most are there in seconds, nearly all
  within 15 minutes, and COMPLETED means that it can be read on the other side, with its metadata and tags.

  Background:
    Given the stores of the shipped stack in us-east-1 and eu-west-1
    And a steady state of 5 minutes
    And 12 objects per minute in each Region

  Scenario: Left alone, objects are everywhere within a quarter of an hour
    When nothing breaks
    Then 99 % of the objects are in every Region within 15 minutes
    And the p50 of the bucket's replication lag is at most 30 seconds
    And whatever is COMPLETED can be read
    And the buckets are equal in the end

  @needs-fault-partition
  Scenario: A partition delays objects and loses none
    When us-east-1 and eu-west-1 cannot reach each other for 10 minutes
    Then whatever is COMPLETED can be read
    And the buckets are equal in the end

  @needs-fault-replication
  Scenario: Replication that stands still in one direction catches up
    When replication of the bucket from us-east-1 to eu-west-1 stands still for 5 minutes
    Then 99 % of the objects are in every Region within 20 minutes
    And the buckets are equal in the end
