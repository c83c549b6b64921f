/*
 * new.c - what a new playbook begins with.
 *
 * It changes nothing (tier manual): it matches, looks at what is there, tells people and records. Who writes it on does so
 * from something that already runs and leaves evidence. One row an event: how to narrow it, and what it names.
 */
#include "lang/new.h"

enum { NAME_MAX_CHARS = 64 };

static const struct {
    const char *event, *as, *where, *message, *resource;
} starts[] = {
    {"guardduty.finding", "f",
     "  # Which findings: `pbc check --coverage` lists their types, and which of them some playbook handles.\n"
     "  where f.type like \"UnauthorizedAccess:IAMUser/*\" and f.severity >= 5\n\n"
     "  let user = f.resource.accessKeyDetails.userName\n"
     "  where user exists\n",
     "${f.type} on ${user}", "iam.user_arn(user)"},
    {"securityhub.finding", "f",
     "  # Which findings: by their control, their title or their product.\n"
     "  where f.RecordState == \"ACTIVE\" and f.Compliance.Status == \"FAILED\"\n\n"
     "  let resource = f.Resources.first().Id\n"
     "  where resource exists\n",
     "${f.Title} on ${resource}", "resource"},
    {"cloudtrail.api_call", "e",
     "  # Which calls: by their name and who made them.\n"
     "  where e.eventSource == \"iam.amazonaws.com\" and e.eventName == \"CreateAccessKey\"\n\n"
     "  let who = e.userIdentity.arn\n"
     "  where who exists\n",
     "${e.eventName} by ${who}", "who"},
};
enum { STARTS = sizeof starts / sizeof *starts };

bool new_name_ok(pb_str name) {
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9')) return false;
    }
    return name.n > 0 && name.n <= NAME_MAX_CHARS;
}

const char *new_events(void) { return "guardduty.finding, securityhub.finding and cloudtrail.api_call"; }

pb_str new_playbook(pb_arena *a, pb_str name, pb_str event) {
    int i = 0;
    while (i < STARTS && !pb_str_is(event, starts[i].event)) i++;
    if (i == STARTS) return (pb_str){NULL, 0};
    return pb_printf(a,
                     "# What has happened when this runs, what it does about it, and what it leaves alone.\n\n"
                     "param alerts_channel: string = \"#security-alerts\"\n\n"
                     "playbook %.*s {\n"
                     "  version  \"0.1.0\"\n"
                     "  summary  \"Tell people, change nothing\"\n"
                     "  owner    \"security@example.com\"\n"
                     "  tier     manual\n"
                     "  controls [\"SOC2-CC7.3\"]\n\n"
                     "  when %s as %s\n"
                     "%s\n"
                     "  do slack.notify(alerts_channel, \"${run.incident_id}: %s\")\n\n"
                     "  record { affected_resource: %s }\n"
                     "}\n",
                     PB_ARG(name), starts[i].event, starts[i].as, starts[i].where, starts[i].message,
                     starts[i].resource);
}
