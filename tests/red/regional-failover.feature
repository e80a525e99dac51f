Feature: Every Then goes red when the stack or the world is broken
  Each scenario must fail in its Then, and say what its description promises.

  Background:
    Given the shipped stack in us-east-1 and eu-west-1
    And a steady state of 1 minute
    And 4 requests per second from north-america at home in us-east-1
    And 3 requests per second from europe at home in eu-west-1

  Scenario: A function that may not write cannot hold the steady state
    Red because: steady-state-before: fail
    Given region.yaml changed
      """
      - DynamoDBCrudPolicy: { TableName: !Ref TableName }
      =>
      - DynamoDBReadPolicy: { TableName: !Ref TableName }
      """
    When nothing breaks
    Then the steady state holds before the fault

  Scenario: Nor can it after the failback
    Red because: steady-state-after: fail
    Given region.yaml changed
      """
      - DynamoDBCrudPolicy: { TableName: !Ref TableName }
      =>
      - DynamoDBReadPolicy: { TableName: !Ref TableName }
      """
    When the application of us-east-1 answers 5xx for 8 minutes
    Then the steady state holds again after the failback

  Scenario: Records that lead to the wrong Region send Americans abroad
    Red because: home-served-north-america: fail
    Given routing.yaml changed
      """
      ResourceRecords: [!Ref HomeEndpoint]
      =>
      ResourceRecords: [!Ref OtherEndpoint]
      """
    When nothing breaks
    Then in steady state 99 % of the answers to north-america come from home

  Scenario: A fault that reaches no user is not seen
    Red because: fault-observed: inconclusive
    When the API of sns is down for 10 minutes
    Then users see the fault within 10 seconds

  Scenario: A failover function without permission moves nobody
    Red because: not recovered before the heal
    Given guard.yaml changed
      """
      Action: ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
      =>
      Action: ["route53:ListResourceRecordSets"]
      """
    When the application of us-east-1 answers 5xx for 10 minutes
    Then every population is back within 6 minutes

  Scenario: Without the alarm nobody is moved
    Red because: served-by: fail
    Given region.yaml without ServerErrors
    And layout.yaml changed
      """
      FailoverAlarmArn: { stack: region, output: AlarmArn, region: other }
      =>
      FailoverAlarmArn: arn:aws:cloudwatch:us-east-1:000000000000:alarm:none
      """
    And layout.yaml changed
      """
      alarm: { stack: region, output: AlarmName, region: each }
      =>
      """
    When the application of us-east-1 answers 5xx for 10 minutes
    Then within 7 minutes every client is served by eu-west-1

  Scenario: A guard that waits for an hour of health brings nobody home in time
    Red because: failback-within: fail
    Given the guard waits for 1 hour of unbroken health before it fails back
    When the application of us-east-1 answers 5xx for 10 minutes
    Then every population is home within 12 minutes of the heal

  Scenario: A TTL of fifteen minutes costs more requests than allowed
    Red because: failed-requests-at-most-north-america: fail
    Given a record TTL of 900 seconds
    When the application of us-east-1 answers 5xx for 20 minutes
    Then at most 2000 requests from north-america fail

  Scenario: Europeans fail as well when their own Region is lost too
    Red because: failed-seconds-at-most-europe: fail
    When the application of us-east-1 answers 5xx for 10 minutes
    And the application of eu-west-1 answers 5xx for 10 minutes
    Then europe has at most 5 seconds of failed seconds

  Scenario: An alarm that wants six datapoints takes its time
    Red because: hop-within-alarm-in-alarm: fail
    Given region.yaml changed
      """
      EvaluationPeriods: 3
      =>
      EvaluationPeriods: 6
      """
    And region.yaml changed
      """
      DatapointsToAlarm: 2
      =>
      DatapointsToAlarm: 6
      """
    When the application of us-east-1 answers 5xx for 10 minutes
    Then the alarm is in ALARM within 3 minutes of the first datapoint

  Scenario: An alarm that calls nobody invokes no function
    Red because: hop-within-function-invoked: fail
    Given region.yaml changed
      """
      AlarmActions: [!Ref Alerts]
      =>
      """
    When the application of us-east-1 answers 5xx for 10 minutes
    Then the failover function is invoked within 30 seconds of the alarm

  Scenario: A failover function without permission changes nothing
    Red because: hop-within-change-accepted: fail
    Given guard.yaml changed
      """
      Action: ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
      =>
      Action: ["route53:ListResourceRecordSets"]
      """
    When the application of us-east-1 answers 5xx for 10 minutes
    Then its change is accepted within 30 seconds

  Scenario: With Route 53's control plane down no change becomes INSYNC
    Red because: hop-within-insync: fail
    When the application of us-east-1 answers 5xx for 10 minutes
    And the API of route53 is down for 10 minutes
    Then the change is INSYNC within 70 seconds

  Scenario: A TTL of fifteen minutes keeps clients on the lost Region
    Red because: hop-within-last-client-off: fail
    Given a record TTL of 900 seconds
    When the application of us-east-1 answers 5xx for 20 minutes
    Then the last client that honours the TTL is off within 90 seconds of that

  Scenario: Users whom the alarm moves are back before the heal
    Red because: not-recovered-north-america: fail
    When the application of us-east-1 answers 5xx for 10 minutes
    Then north-america is not back before the heal
