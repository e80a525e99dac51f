@needs-dns @needs-functions
Feature: Two guards, and what each of them sees
  The alarm's function needs metrics, SNS, Lambda and the control plane of Route 53; health checks need none of them. Each
  sees failures that the other one does not.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minute
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  @needs-alarms @needs-apis @needs-fault-application @needs-fault-service @needs-logs @needs-tables
  Scenario: A recovery through a control plane that is down fails, and says so
    Given the guard is lambda
    When the application of us-east-1 answers 5xx for 10 minutes
    And the API of route53 is down for 10 minutes
    Then the guard of us-east-1 fails
    And north-america is not back before the heal
    And the answer to nobody changes more than 0 times

  @needs-alarms @needs-apis @needs-fault-application @needs-fault-service @needs-health-checks @needs-logs @needs-tables
  Scenario: Health checks get users off while the function fails at the control plane
    Given the guard is both
    When the application of us-east-1 answers 5xx for 10 minutes
    And the API of route53 is down for 10 minutes
    Then the guard of us-east-1 fails
    And every population is back within 4 minutes
    And never are both Regions off

  @needs-alarms @needs-apis @needs-fault-application @needs-health-checks @needs-logs @needs-tables
  Scenario: Two guards that act on one loss lose nothing of each other
    Given the guard is both
    When the application of us-east-1 answers 5xx for 10 minutes
    Then the guard of us-east-1 fails over
    And every population is back within 4 minutes
    And never are both Regions off
    And no change of the records is lost
    And the answer to nobody changes more than 2 times

  @needs-apis @needs-fault-degraded @needs-health-checks @needs-tables
  Scenario Outline: Where everything but /health fails, only the alarm sees it
    Given the guard is <guard>
    When everything but /health of us-east-1 fails for 10 minutes
    Then <outcome>
    And the answer to nobody changes more than <moves> times

    @needs-alarms
    Examples:
      | guard        | moves | outcome                                      |
      | both         | 1     | every population is back within 6 minutes    |

    Examples:
      | guard        | moves | outcome                                      |
      | health-check | 0     | north-america is not back before the heal    |

  @needs-alarms @needs-apis @needs-fault-degraded @needs-tables
  Scenario Outline: Where /health alone fails, only the health check sees it, and moving users costs them nothing
    Given the guard is <guard>
    When /health of us-east-1 fails for 8 minutes
    Then the answer to nobody changes more than <moves> times
    And at most 0 requests from north-america fail
    And never are both Regions off

    Examples:
      | guard  | moves |
      | lambda | 0     |

    @needs-health-checks
    Examples:
      | guard  | moves |
      | both   | 2     |

  @needs-alarms @needs-fault-degraded
  Scenario: Regions that fail in turn take turns, and guards that act at once leave one of them on
    Given the guard is lambda
    When 30 % of the requests to us-east-1 fail for 10 minutes
    And 30 % of the requests to eu-west-1 fail for 10 minutes
    Then never are both Regions off
    And no change of the records is lost
    And the answer to nobody changes more than 1 times

  @needs-alarms @needs-apis @needs-fault-application @needs-health-checks @needs-tables
  Scenario: A burst of errors that is over moves nobody
    Given the guard is both
    When the application of us-east-1 answers 5xx for 10 seconds
    Then the answer to nobody changes more than 0 times
    And north-america has at most 20 seconds of failed seconds

  @needs-alarms @needs-fault-degraded @needs-health-checks
  Scenario Outline: What is slow, or fails a little, is not dead
    Given the guard is both
    When <degraded> for 12 minutes
    Then <outcome>
    And the answer to nobody changes more than <moves> times

    @needs-apis @needs-tables
    Examples:
      | degraded                                    | moves | outcome                                   |
      | 5 % of the requests to us-east-1 fail       | 0     | north-america is not back before the heal |
      | answers of us-east-1 take 2 seconds longer  | 0     | north-america is not back before the heal |

    @needs-logs
    Examples:
      | degraded                                    | moves | outcome                                   |
      | 10 % of the requests to us-east-1 fail      | 1     | the guard of us-east-1 fails over         |
