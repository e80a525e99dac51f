Feature: What becomes of a canary is seen
  Each scenario breaks the world or the release, and the step that claims otherwise must go red for the reason it names.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And weighted routing, us-east-1 with 100 and eu-west-1 with 0
    And a steady state of 1 minutes
    And 40 requests per second from north-america at home in us-east-1

  Scenario: A version that fails is not promoted
    Red because: canary-decides: fail
    When version 2.0.0 is released by alias:
      | share | bake      |
      | 50 %  | 2 minutes |
    And version 2.0.0 fails 30 % of its requests for 3 minutes
    Then the canary is promoted

  Scenario: A version that fails costs users something
    Red because: canary-exposed-at-most: fail
    When version 2.0.0 is released by alias:
      | share | bake      |
      | 50 %  | 2 minutes |
    And version 2.0.0 fails 30 % of its requests for 3 minutes
    Then the canary serves at most 1 % of the requests

  Scenario: Going back takes its time
    Red because: rolled-back-within: fail
    When version 2.0.0 is released by alias:
      | share | bake      |
      | 50 %  | 2 minutes |
    And version 2.0.0 fails 30 % of its requests for 3 minutes
    Then all is as it was within 1 seconds of the first failure

  Scenario: A version that is no worse is not rolled back
    Red because: canary-decides: fail
    When version 2.0.0 is released by route53:
      | share | bake      |
      | 50 %  | 5 minutes |
    Then the canary is rolled back

  Scenario: Nobody else changed the records
    Red because: canary-decides: fail
    When version 2.0.0 is released by alias:
      | share | bake      |
      | 50 %  | 3 minutes |
    Then the canary gives way to whoever else changed the records
