@needs-apis @needs-dns @needs-functions @needs-health-checks @needs-tables
Feature: Going home
  A Region gets its users back when it has been healthy for StableSeconds without a break: three minutes as shipped.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minute
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  @needs-fault-application
  Scenario Outline: Nobody is sent home before the Region has proven itself
    Given the guard is <guard>
    When the application of us-east-1 answers 5xx for 8 minutes
    Then nobody is sent home within 3 minutes of the heal
    And every population is home within 12 minutes of the heal
    And the answer to nobody changes more than 2 times
    And the steady state holds again after the failback

    @needs-alarms
    Examples:
      | guard        |
      | lambda       |
      | both         |

    Examples:
      | guard        |
      | health-check |

  @needs-fault-application
  Scenario Outline: Whoever wants more proof waits longer
    Given the guard is <guard>
    And the guard waits for 8 minutes of unbroken health before it fails back
    When the application of us-east-1 answers 5xx for 8 minutes
    Then nobody is sent home within 8 minutes of the heal

    @needs-alarms
    Examples:
      | guard        |
      | lambda       |

    Examples:
      | guard        |
      | health-check |

  @needs-fault-application
  Scenario Outline: A Region that comes and goes does not take its users with it
    Given the guard is <guard>
    When the application of us-east-1 goes 4 times, for 4 minutes, and is back for 2 minutes
    Then the answer to nobody changes more than 2 times
    And nobody is sent home within 3 minutes of the heal
    And never are both Regions off

    @needs-alarms
    Examples:
      | guard        |
      | lambda       |
      | both         |

    Examples:
      | guard        |
      | health-check |

  @needs-alarms @needs-fault-application @needs-fault-partition
  Scenario: What both Regions wrote while they were apart comes together
    Given the guard is both
    And 2 writes per second to the table in each Region, over 40 keys
    When us-east-1 and eu-west-1 cannot reach each other for 10 minutes
    And the application of us-east-1 answers 5xx for 10 minutes
    Then every population is back within 4 minutes
    And every population is home within 12 minutes of the heal
    And no acknowledged write is lost
    And the last writer wins
    And the Regions have converged within 1 minute of the heal
    And the tables are equal in the end

  @needs-alarms @needs-fault-degraded @needs-logs
  Scenario: A Region whose check never failed keeps its users away until somebody moves them
    Given the guard is lambda
    When everything but /health of us-east-1 fails for 8 minutes
    Then the guard of us-east-1 fails over
    And nobody is sent home within 14 minutes of the heal
