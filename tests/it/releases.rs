//! The shipped stack's versions: deploying is not releasing, the alias and the stage move what users meet.

use std::path::Path;

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use blackstart::deploy::{self, Deployment, StackDirectory};
use blackstart::region::{Place, Region};
use blackstart::seed::Seed;
use blackstart::target::embedded::{Embedded, in_virtual_time};
use blackstart::target::{Clients, Target};
use bytes::Bytes;

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

fn place() -> Place {
    Place::parse("europe").unwrap()
}

struct World {
    target: Embedded,
    directory: StackDirectory,
    deployment: Deployment,
}

impl World {
    async fn up() -> Self {
        let directory = StackDirectory::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")).unwrap();
        let target = Embedded::start(Seed(7), &[US, EU]);
        let mut deployment = Deployment::default();
        deploy::up(&target, &directory, &deploy::Options::default(), &mut deployment, |_| {}).await.unwrap();
        Self { target, directory, deployment }
    }

    fn clients(&self) -> &Clients {
        self.target.clients(EU).unwrap()
    }

    fn role(&self, name: &str) -> &str {
        self.deployment.role(name, EU).unwrap()
    }

    /// Deploys eu-west-1's application again with these parameters; gives how many events its stack has had.
    async fn redeployed(&mut self, parameters: &[(&str, &str)]) -> usize {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let Self { target, directory, deployment } = self;
        deploy::update(target, directory, deployment, EU, &parameters, |_| {}).await.unwrap();
        let stack = self.deployment.stack_name("region");
        let events = self.clients().cloudformation.describe_stack_events().stack_name(stack).send().await.unwrap();
        events.stack_events().len()
    }

    /// Points the live alias at a version, with a share for another one.
    async fn alias(&self, version: &str, canary: Option<(&str, f64)>) {
        let lambda = &self.clients().lambda;
        let alias = lambda.get_alias().function_name(self.role("function")).name("live").send().await.unwrap();
        let weights = canary.map(|(version, weight)| (version.to_owned(), weight)).into_iter().collect();
        let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
        let update = lambda.update_alias().function_name(self.role("function")).name("live");
        let update = update.set_revision_id(alias.revision_id).function_version(version).routing_config(routing);
        update.send().await.unwrap();
    }

    /// Of this many requests of users of eu-west-1, how many each version answered.
    async fn releases(&self, requests: u32) -> (u32, u32) {
        let internet = self.target.internet(&|_, _| None);
        let (resolver, place) = (internet.resolver(place()), place());
        let (mut old, mut new) = (0, 0);
        let name = self.role("endpoint").to_owned();
        for _ in 0..requests {
            let address = resolver.resolve(&name).await.addresses[0];
            let host = self.role("public-name");
            let request = http::Request::builder().uri(format!("https://{host}/whoami")).header("host", host);
            let line = internet.connect(place, address, host).await.unwrap();
            let answer = line.send(request.body(Bytes::new()).unwrap()).await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{answer:?}");
            match answer.headers()["x-release"].to_str().unwrap() {
                "1.0.0" => old += 1,
                "2.0.0" => new += 1,
                other => panic!("nobody deployed {other}"),
            }
        }
        (old, new)
    }
}

#[test]
fn a_new_version_meets_users_only_where_the_alias_or_the_stage_sends_them() {
    let ended = in_virtual_time(|| async {
        let mut world = World::up().await;
        let before = world.redeployed(&[("OrdersVersion", "1.0.0")]).await;
        assert_eq!(world.redeployed(&[("OrdersVersion", "1.0.0")]).await, before, "the same parameters are no change");
        assert!(world.redeployed(&[("OrdersVersion", "2.0.0")]).await > before);
        assert_eq!(world.releases(50).await, (50, 0), "deploying is not releasing");

        let (lambda, function) = (world.clients().lambda.clone(), world.role("function").to_owned());
        let version = async |qualifier: &str| {
            let shown = lambda.get_function_configuration().function_name(&function).qualifier(qualifier);
            let shown = shown.send().await.unwrap();
            shown.environment.unwrap().variables.unwrap()["VERSION"].clone()
        };
        assert_eq!((version("live").await.as_str(), version("$LATEST").await.as_str()), ("1.0.0", "2.0.0"));
        let published = lambda.publish_version().function_name(&function).send().await.unwrap();
        assert_eq!(published.version(), Some("2"));
        let stale = lambda.update_alias().function_name(&function).name("live").function_version("2");
        let stale = stale.revision_id("of-another-time").send().await.unwrap_err().into_service_error();
        assert!(stale.is_precondition_failed_exception(), "{stale:?}");

        world.alias("1", Some(("2", 0.25))).await;
        let (old, new) = world.releases(1_000).await;
        // Four standard deviations of a binomial count.
        assert!(old + new == 1_000 && (195..=305).contains(&new), "{new} of 1000");
        world.redeployed(&[("ConfigFallback", "false")]).await;
        let alias = lambda.get_alias().function_name(&function).name("live").send().await.unwrap();
        let weights = alias.routing_config.unwrap().additional_version_weights.unwrap();
        assert_eq!(weights.get("2"), Some(&0.25), "a stack update leaves the alias where it is");
        world.alias("1", None).await;

        lambda.create_alias().function_name(&function).name("canary").function_version("2").send().await.unwrap();
        let permission = lambda.add_permission().function_name(&function).qualifier("canary").statement_id("canary");
        let permission = permission.action("lambda:InvokeFunction").principal("apigateway.amazonaws.com");
        permission.source_arn(world.role("api-source")).send().await.unwrap();
        world.redeployed(&[("StageCanaryPercent", "20"), ("StageCanaryAlias", "canary")]).await;
        let (_, new) = world.releases(1_000).await;
        assert!((149..=251).contains(&new), "{new} of 1000");
        world.redeployed(&[("StageCanaryPercent", "0")]).await;
        assert_eq!(world.releases(50).await, (50, 0));
        world.alias("2", None).await;
        assert_eq!(world.releases(50).await, (0, 50));
        deploy::down(&world.target, &world.deployment, |_| {}).await.unwrap();
    });
    ended.unwrap().blocking_recv().unwrap();
}
