@needs-apis @needs-functions @needs-tables
Feature: A new version reaches users a little at a time
  A share of the traffic goes to the new version, as much to the old one beside it, and the two are compared.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And weighted routing, us-east-1 with 100 and eu-west-1 with 0
    And a steady state of 1 minutes
    And 40 requests per second from north-america at home in us-east-1

  @needs-dns
  Scenario: A version that is no worse is promoted, step by step
    When version 2.0.0 is released by route53:
      | share | bake       |
      | 10 %  | 10 minutes |
      | 50 %  | 3 minutes  |
      | 100 % | 3 minutes  |
    Then the canary is promoted

  @needs-dns @needs-fault-degraded
  Scenario: A version that fails is rolled back before most users met it
    When version 2.0.0 is released by route53:
      | share | bake       |
      | 10 %  | 10 minutes |
      | 100 % | 3 minutes  |
    And version 2.0.0 fails 5 % of its requests for 12 minutes
    Then the canary is rolled back
    And the canary serves at most 11 % of the requests
    And all is as it was within 15 minutes of the first failure

  @needs-fault-degraded
  Scenario: Versions in two Regions move in lockstep, and one bad Region takes both back
    When version 2.0.0 is released by alias:
      | share | bake       |
      | 10 %  | 10 minutes |
      | 100 % | 3 minutes  |
    And version 2.0.0 fails 20 % of its requests for 8 minutes
    Then the canary is rolled back

  Scenario: A version behind the API's stage is promoted, and the stage leads where it led
    Given weighted routing, us-east-1 with 100 and eu-west-1 with 100
    When version 2.0.0 is released by stage:
      | share | bake       |
      | 50 %  | 10 minutes |
      | 100 % | 3 minutes  |
    Then the canary is promoted

  @needs-fault-degraded
  Scenario: A version behind the API's stage is rolled back
    When version 2.0.0 is released by stage:
      | share | bake       |
      | 50 %  | 10 minutes |
    And version 2.0.0 fails 20 % of its requests for 8 minutes
    Then the canary is rolled back
    And all is as it was within 15 minutes of the first failure

  @needs-dns @needs-fault-application
  Scenario: A Region is lost while a canary is in flight
    When version 2.0.0 is released by route53:
      | share | bake       |
      | 10 %  | 12 minutes |
      | 100 % | 3 minutes  |
    And the application of us-east-1 answers 5xx for 10 minutes
    Then the canary gives way to whoever else changed the records
