@needs-apis @needs-functions @needs-tables
Feature: Losing a Region
  Users of a lost Region are moved to the other one by an alarm, the failover function and Route 53, and go home when
  the Region is back. The bounds are the stack's own: a minute for the metric and some tens of seconds until it is
  published, two of three datapoints, up to a minute to INSYNC, a TTL of a minute.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minute
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  @needs-dns
  Scenario: In steady state everybody is served at home
    When nothing breaks
    Then the steady state holds before the fault
    And in steady state 99 % of the answers to north-america come from home
    And in steady state 99 % of the answers to europe come from home

  @needs-alarms @needs-dns @needs-fault-application
  Scenario Outline: Users of a lost Region are served by the other one
    When the application of <lost> answers 5xx for 10 minutes
    Then users see the fault within 10 seconds
    And every population is back within 6 minutes
    And within 7 minutes every client is served by <survivor>

    Examples:
      | lost      | survivor  |
      | us-east-1 | eu-west-1 |
      | eu-west-1 | us-east-1 |

  @needs-alarms @needs-dns @needs-fault-application @needs-logs
  Scenario: The alarm moves the traffic, hop by hop
    When the application of us-east-1 answers 5xx for 10 minutes
    Then the alarm is in ALARM within 3 minutes of the first datapoint
    And the failover function is invoked within 30 seconds of the alarm
    And its change is accepted within 30 seconds
    And the change is INSYNC within 70 seconds
    And the last client that honours the TTL is off within 90 seconds of that

  @needs-alarms @needs-dns @needs-fault-application
  Scenario: A Region that hangs is left as well
    When the application of us-east-1 hangs for 12 minutes
    Then every population is back within 7 minutes

  @needs-fault-name-servers
  Scenario Outline: Without name servers users have what their resolvers keep, and then nothing
    When the name servers <fail> for 5 minutes
    Then users see the fault within 90 seconds
    And north-america has at most 6 minutes of failed seconds
    And the steady state holds again after the failback

    Examples:
      | fail   |
      | refuse |
      | hang   |

  @needs-alarms @needs-dns @needs-fault-application @needs-health-checks
  Scenario: Users go home when the Region is back
    When the application of us-east-1 answers 5xx for 10 minutes
    Then every population is home within 12 minutes of the heal
    And the steady state holds again after the failback

  @needs-fault-application
  Scenario: What a failover costs users is bounded
    When the application of us-east-1 answers 5xx for 10 minutes
    Then europe has at most 5 seconds of failed seconds
    And north-america has at most 7 minutes of failed seconds
    And at most 2000 requests from north-america fail
