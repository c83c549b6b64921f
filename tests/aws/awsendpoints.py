"""Where botocore sends a service's requests: its evaluator of endpoint rules for the host, its endpoints.json for the region to sign
for where the rules do not say it, as its client does."""
import botocore.exceptions
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader
from botocore.session import Session

loader = Loader()
session = Session()
partitions = loader.load_data("partitions")
legacy = session.get_component("endpoint_resolver")
VARIANTS = [(False, False), (True, False), (False, True), (True, True)]  # FIPS, dual stack
# Beside the regions that are listed: one that AWS may open next year.
NEW_REGIONS = ["eu-unheard-7", "cn-unheard-3", "us-gov-unheard-2", "us-iso-unheard-5", "us-isob-unheard-4"]


def regions():
    listed = {r for p in partitions["partitions"] for r in p["regions"] if r[-1].isdigit()}
    return sorted(listed) + NEW_REGIONS


class Service:
    def __init__(self, name):
        self.name = name
        self.provider = EndpointProvider(ruleset_data=loader.load_service_model(name, "endpoint-rule-set-1"), partition_data=partitions)
        self.prefix = loader.load_service_model(name, "service-2")["metadata"]["endpointPrefix"]

    def scope(self, region, fips, dual):
        try:
            found = legacy.construct_endpoint(self.prefix, region, use_fips_endpoint=fips, use_dualstack_endpoint=dual)
        except botocore.exceptions.EndpointVariantError:
            return region
        return found.get("credentialScope", {}).get("region", found["endpointName"]) if found else region

    def resolve(self, region, fips=False, dual=False):
        """(host, region to sign for), or None."""
        try:
            e = self.provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual)
        except botocore.exceptions.EndpointProviderError:
            return None
        schemes = [s for s in e.properties.get("authSchemes", []) if s["name"] == "sigv4"]
        return e.url[len("https://"):], (schemes or [{}])[0].get("signingRegion") or self.scope(region, fips, dual)


def compare(ask, name, where):
    """Yields (what, ours, botocore's) for every region and variant of `where`. ask: the codec driver's."""
    service = Service(name)
    for region, (fips, dual) in where:
        got = ask(do="endpoint", service=name.replace("-", "_"), region=region, fips=fips, dualstack=dual)
        want = service.resolve(region, fips, dual)
        yield "%s%s%s" % (region, " fips" * fips, " dualstack" * dual), (got["host"], got["region"]) if got["ok"] else None, want
