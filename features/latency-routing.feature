@needs-apis @needs-dns @needs-functions @needs-health-checks @needs-tables
Feature: Users are led to the nearest Region that is healthy
  Latency records answer each place with the nearest Region; where its check fails, with the next one; where all checks
  fail, as if none did.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And the guard is health-check
    And a steady state of 1 minute

  Scenario Outline: The place a user asks from decides
    Given 4 requests per second from <place> at home in <nearest>
    When nothing breaks
    Then in steady state 100 % of the answers to <place> come from home
    And the answer to nobody changes more than 0 times

    Examples:
      | place         | nearest   |
      | south-america | us-east-1 |
      | africa        | eu-west-1 |

  Scenario Outline: A Region is left however it is lost, and nobody else notices
    Given 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1
    When <what> of us-east-1 <fails> for 8 minutes
    Then every population is back within 4 minutes
    And within 4 minutes every client is served by eu-west-1
    And at most 0 requests from europe fail

    @needs-fault-application
    Examples:
      | what            | fails               |
      | the application | hangs               |

    @needs-fault-region
    Examples:
      | what            | fails               |
      | all             | refuses connections |

  @needs-fault-degraded
  Scenario: Where no Region is healthy, all of them are
    Given 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1
    When /health of us-east-1 fails for 8 minutes
    And /health of eu-west-1 fails for 8 minutes
    Then never are both Regions off
    And at most 0 requests from north-america fail
    And at most 0 requests from europe fail

  @needs-fault-application
  Scenario: A longer TTL keeps users where they were
    Given 4 requests per second from north-america at home in us-east-1
    And a record TTL of 600 seconds
    When the application of us-east-1 answers 5xx for 8 minutes
    Then the checkers say unhealthy within 2 minutes of the first failure
    And north-america is not back before the heal
