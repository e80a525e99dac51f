//! Health checks that follow what an alarm watches, by API and by template.

use aws_sdk_cloudwatch::types::{ComparisonOperator, StandardUnit, StateValue, Statistic};
use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchRegion, HealthCheckConfig, HealthCheckType, InsufficientDataHealthStatus,
};

use super::*;

/// Where the alarms are, which is not where Route 53 is.
const THERE: Region = Region::EU_WEST_1;

struct Metrics {
    world: World,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

async fn start() -> Metrics {
    let world = world().await;
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, THERE, &Credentials::account());
    Metrics { cloudwatch: aws_sdk_cloudwatch::Client::new(&config), world }
}

fn alarm(name: &str) -> AlarmIdentifier {
    AlarmIdentifier::builder().region(CloudWatchRegion::EuWest1).name(name).build().unwrap()
}

fn follows(name: &str) -> HealthCheckConfig {
    HealthCheckConfig::builder()
        .r#type(HealthCheckType::CloudwatchMetric)
        .alarm_identifier(alarm(name))
        .build()
        .unwrap()
}

fn with(mut config: HealthCheckConfig, change: impl FnOnce(&mut HealthCheckConfig)) -> HealthCheckConfig {
    change(&mut config);
    config
}

impl Metrics {
    /// An alarm above this many errors a minute.
    fn alarm(
        &self,
        name: &str,
        threshold: f64,
    ) -> aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder {
        self.cloudwatch
            .put_metric_alarm()
            .alarm_name(name)
            .namespace("Orders")
            .metric_name("Errors")
            .statistic(Statistic::Sum)
            .period(60)
            .evaluation_periods(2)
            .threshold(threshold)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
    }

    /// So many errors a minute, for so many minutes.
    async fn errors(&self, minutes: u32, errors: f64) {
        for _ in 0..minutes {
            let datum = aws_sdk_cloudwatch::types::MetricDatum::builder()
                .metric_name("Errors")
                .value(errors)
                .unit(StandardUnit::Count)
                .build();
            self.cloudwatch.put_metric_data().namespace("Orders").metric_data(datum).send().await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    async fn check(&self, reference: &str, config: HealthCheckConfig) -> Result<String, (String, String)> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let client = &self.world.client;
        match client.create_health_check().caller_reference(reference).health_check_config(config).send().await {
            Ok(made) => Ok(made.health_check.unwrap().id),
            Err(error) => Err((error.code().unwrap_or_default().into(), error.message().unwrap_or_default().into())),
        }
    }

    fn is_healthy(&self, id: &str) -> bool {
        self.world.cloud.health.is_healthy(id)
    }

    /// What the reader of the stream says.
    async fn word(&self, id: &str) -> String {
        let status = self.world.client.get_health_check_status().health_check_id(id).send().await.unwrap();
        let [only] = status.health_check_observations() else { panic!("{status:?}") };
        assert_eq!(only.region().unwrap().as_str(), THERE.as_str());
        only.status_report().unwrap().status().unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_follows_what_the_alarm_watches_and_not_the_alarms_state() {
    let metrics = start().await;
    metrics.alarm("errors", 5.0).send().await.unwrap();
    metrics.errors(4, 1.0).await;
    let id = metrics.check("1", follows("errors")).await.unwrap();
    let inverse = with(follows("errors"), |config| config.inverted = Some(true));
    let inverse = metrics.check("2", inverse).await.unwrap();
    let sum = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated).health_threshold(1);
    let sum = metrics.check("3", sum.child_health_checks(&id).build().unwrap()).await.unwrap();
    metrics.errors(1, 1.0).await;
    assert!(metrics.is_healthy(&id) && !metrics.is_healthy(&inverse) && metrics.is_healthy(&sum));
    assert_eq!(metrics.word(&id).await, "Success: The alarm's data stream is OK");
    let set = metrics.cloudwatch.set_alarm_state().alarm_name("errors").state_value(StateValue::Alarm);
    set.state_reason("by hand").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(metrics.is_healthy(&id), "SetAlarmState changes no health check");
    metrics.errors(4, 9.0).await;
    assert!(!metrics.is_healthy(&id) && metrics.is_healthy(&inverse) && !metrics.is_healthy(&sum));
    assert_eq!(metrics.word(&id).await, "Failure: The alarm's data stream is ALARM");
    let reason = metrics.world.client.get_health_check_last_failure_reason().health_check_id(&id).send().await.unwrap();
    assert_eq!(reason.health_check_observations().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_alarms_new_settings_are_followed_when_the_check_is_told() {
    let metrics = start().await;
    metrics.alarm("errors", 5.0).send().await.unwrap();
    let id = metrics.check("1", follows("errors")).await.unwrap();
    metrics.errors(4, 9.0).await;
    assert!(!metrics.is_healthy(&id));
    metrics.alarm("errors", 50.0).send().await.unwrap();
    metrics.errors(2, 9.0).await;
    let client = &metrics.world.client;
    let threshold = async || {
        let check = client.get_health_check().health_check_id(&id).send().await.unwrap().health_check.unwrap();
        let alarm = check.cloud_watch_alarm_configuration().unwrap();
        assert_eq!((alarm.period(), alarm.metric_name(), alarm.evaluation_periods()), (60, "Errors", 2));
        alarm.threshold()
    };
    assert!(!metrics.is_healthy(&id), "the check has the old threshold");
    client.update_health_check().health_check_id(&id).inverted(false).send().await.unwrap();
    assert_eq!(threshold().await, 5.0, "an update that does not name the alarm does not read it");
    client.update_health_check().health_check_id(&id).alarm_identifier(alarm("errors")).send().await.unwrap();
    assert_eq!(threshold().await, 50.0);
    metrics.errors(1, 9.0).await;
    assert!(metrics.is_healthy(&id));
}

#[tokio::test(start_paused = true)]
async fn too_little_data_counts_as_the_check_says() {
    let metrics = start().await;
    metrics.alarm("errors", 5.0).send().await.unwrap();
    let counts =
        |insufficient| with(follows("errors"), |config| config.insufficient_data_health_status = Some(insufficient));
    let healthy = metrics.check("1", counts(InsufficientDataHealthStatus::Healthy)).await.unwrap();
    let unhealthy = metrics.check("2", counts(InsufficientDataHealthStatus::Unhealthy)).await.unwrap();
    let last = metrics.check("3", follows("errors")).await.unwrap();
    let now = || [&healthy, &unhealthy, &last].map(|id| metrics.is_healthy(id));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(now(), [true, false, true], "a new check that knows nothing is healthy");
    metrics.errors(5, 9.0).await;
    assert_eq!(now(), [false; 3]);
    // A Region that is gone has no data to give.
    metrics.world.cloud.faults.inject(Fault::Region { region: THERE, effect: Effect::Refuse });
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(now(), [true, false, false]);
    assert_eq!(metrics.word(&healthy).await, "Success: The alarm's data stream is INSUFFICIENT_DATA");
}

#[tokio::test(start_paused = true)]
async fn alarms_that_cannot_be_followed_are_refused() {
    let metrics = start().await;
    let dimensionless = || metrics.alarm("x", 1.0);
    dimensionless().alarm_name("m-of-n").evaluation_periods(3).datapoints_to_alarm(2).send().await.unwrap();
    dimensionless().alarm_name("fast").period(10).send().await.unwrap();
    dimensionless().alarm_name("p99").set_statistic(None).extended_statistic("p99").send().await.unwrap();
    let cases = [
        ("m-of-n", "\"M out of N\" alarms are not supported"),
        ("fast", "high-resolution metrics are not supported"),
        ("p99", "extended statistics are not supported"),
        ("nobody", "does not exist in Region eu-west-1"),
    ];
    for (name, expected) in cases {
        let (code, message) = metrics.check(name, follows(name)).await.unwrap_err();
        assert!(code == "InvalidInput" && message.contains(expected), "{code}: {message}\nis not: {expected}");
    }
    let nameless = with(follows("x"), |config| config.alarm_identifier = None);
    assert_eq!(metrics.check("none", nameless).await.unwrap_err().0, "InvalidInput");
    let tcp = with(follows("m-of-n"), |config| config.r#type = HealthCheckType::Tcp);
    assert!(metrics.check("tcp", tcp).await.unwrap_err().1.contains("not for type TCP"));
}

#[tokio::test(start_paused = true)]
async fn a_template_declares_one_too() {
    let metrics = start().await;
    metrics.alarm("errors", 5.0).send().await.unwrap();
    let cx = context(&metrics.world.cloud);
    let handlers = crate::services::route53::resources();
    let checks = handlers.iter().find(|handler| handler.spec().name == "AWS::Route53::HealthCheck").unwrap();
    let config = serde_json::json!({ "HealthCheckConfig": {
        "Type": "CLOUDWATCH_METRIC", "InsufficientDataHealthStatus": "Unhealthy",
        "AlarmIdentifier": { "Name": "errors", "Region": "eu-west-1" },
    } });
    let made = checks.create(&cx, &config).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!metrics.is_healthy(&made.physical_id));
    metrics.errors(5, 1.0).await;
    assert!(metrics.is_healthy(&made.physical_id));
    let held = metrics.world.client.get_health_check().health_check_id(&made.physical_id).send().await.unwrap();
    let held = held.health_check.unwrap().health_check_config.unwrap();
    assert_eq!(held.alarm_identifier(), Some(&alarm("errors")));
    assert_eq!(held.insufficient_data_health_status(), Some(&InsufficientDataHealthStatus::Unhealthy));
}
