/*
 * site.h - the site's settings: what one deployment is set up with, from the `site` block of a program.
 *
 * Texts that nobody wrote are empty, lists have n = 0, secrets that nobody set have kind NONE. Secrets are copies of
 * our own: site_wipe overwrites them.
 */
#ifndef PB_SITE_H
#define PB_SITE_H

#include "vm/interp.h"

enum {
    SITE_PEOPLE_MAX = 1000, /* people, and groups: more belong into a Slack user group */
    SITE_ITEMS_MAX = 1000   /* of one list */
};

typedef struct site_list {
    pb_str *items;
    uint32_t n;
} site_list;

/* person "alice" { slack: "U123" arn: ["arn:..."] login: "alice" mail: "alice@example.com" } */
typedef struct site_person {
    pb_str name, slack, login, mail;
    site_list arns;
} site_person;

/* group "secops-oncall" { people: ["alice", "bob"] slack_group: "S0123" } */
typedef struct site_group {
    pb_str name, slack_group;
    site_list people; /* names of persons; each of them is there */
} site_group;

typedef struct pb_site {
    /* accounts */
    pb_str role;        /* to be assumed in other accounts, with its path */
    pb_str external_id; /* a secret, perhaps: never to be shown */
    pb_str home;        /* the account whose credentials are used */

    pb_str store;  /* store "sqlite:///..." */
    pb_str alerts; /* alerts "#channel": where denied acts and failures are told */
    bool observe;  /* observe true: everything but changes happens */

    struct {
        pb_str via;        /* channel */
        pb_str by;         /* name of a group */
        uint32_t quorum;   /* 0: not said */
        int64_t within_ms; /* 0: not said */
    } approvals;
    struct {
        pb_value signing_secret, bot_token; /* SECRET or NONE */
        site_list channels;                 /* the compiler's: messages elsewhere are warned of */
    } slack;
    struct {
        pb_str ssm;        /* a parameter's name */
        pb_str dynamodb;   /* "table/key" */
        pb_str table, key; /* the same in its parts */
    } kill_switch;
    struct {
        site_list principals, roles, users, buckets, tables, topics, keys, instances; /* names or ARNs; globs */
    } protect;
    struct {
        pb_str url; /* as people reach it, without a slash at the end */
        pb_value events_secret, events_token, ui_token, link_secret; /* SECRET or NONE */
        site_list topics;                                            /* ARNs of SNS topics whose messages are events */
    } serve;

    site_person *people;
    site_group *groups;
    uint32_t npeople, ngroups;
} pb_site;

bool vm_has_site(const vm_program *p);
/* The settings of a program's site; parameters are taken from `params`. False with a sentence in *err: one is not
 * known, or does not have the form it must have. */
bool vm_site_of(const vm_program *p, const pb_value *params, pb_arena *a, pb_site *out, pb_str *err);
/* Overwrites the secrets. The rest stays as it is. */
void site_wipe(pb_site *s);

typedef enum site_id { SITE_NAME, SITE_SLACK, SITE_ARN, SITE_LOGIN, SITE_MAIL } site_id;
/* Who has this id (mail: whatever the case); NULL: nobody. An assumed role's session is its role's person. s may be
 * NULL. */
const site_person *site_person_by(const pb_site *s, site_id kind, pb_str id);
const site_group *site_group_by(const pb_site *s, pb_str name); /* NULL: none */
bool site_in_group(const site_group *g, const site_person *p);  /* by its list of people; g and p may be NULL */
bool site_lists(const site_list *l, pb_str text);               /* is it one of them, letter by letter? */

#endif
