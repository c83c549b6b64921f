/*
 * ec2.h - what the files of the simulated EC2 share (ec2.c has the table of operations).
 */
#ifndef PB_SIM_EC2_H
#define PB_SIM_EC2_H

#include "stdlib/sim/sim.h"

/* How one type of resource is kept, named and missed. */
typedef struct ec2_type {
    sim_kind kind;
    const char *prefix, *member;       /* "i-", "InstanceId" */
    const char *not_found, *malformed; /* error codes */
    const char *missing;               /* printf format of the message; takes the id */
    const char *resource_type;         /* in tag specifications and DescribeTags */
    const char *parent;                /* path in the value to what it is kept under, or NULL */
} ec2_type;
extern const ec2_type ec2_vpc, ec2_subnet, ec2_group, ec2_rule, ec2_eni, ec2_instance, ec2_volume, ec2_snapshot,
    ec2_address, ec2_acl;

typedef struct ec2_filter {
    const char *name, *path;
} ec2_filter;

/* What a Describe operation that has nothing special needs. */
typedef struct ec2_listing {
    const ec2_type *type;
    const char *ids;                           /* input member with ids; NULL: none */
    const char *list;                          /* output member */
    const ec2_filter *filters;                 /* ends with a NULL name */
    pb_value (*view)(sim_call *c, pb_value v); /* stored to shown; NULL: the same */
} ec2_listing;

static const pb_str TOP = {"", 0};

/* -- ec2_common.c -- */
pb_value ec2_find(sim_call *c, const ec2_type *t, pb_str id); /* none with the error noted */
pb_value ec2_named(sim_call *c, const ec2_type *t);           /* the one that the input's member names */
void ec2_put(sim_call *c, const ec2_type *t, pb_value v);
void ec2_drop(sim_call *c, const ec2_type *t, pb_value v);
pb_value ec2_new_id(sim_call *c, const ec2_type *t);
bool ec2_need(sim_call *c, const char *member); /* MissingParameter when the input has it not */
pb_value ec2_done(sim_call *c);                 /* {Return: true} */
pb_value ec2_arn(sim_call *c, const char *type, pb_str id);
/* Those of all (or of the ids named) that pass the input's filters, as shown. */
pb_value ec2_select(sim_call *c, const ec2_listing *l);
sim_handler ec2_describe, ec2_create_tags, ec2_delete_tags, ec2_describe_tags, ec2_regions, ec2_zones;
/* The tags for a type among the input's TagSpecifications. none: no tags. */
pb_value ec2_spec_tags(sim_call *c, const char *resource_type);
void ec2_check_specs(sim_call *c, const char *const *allowed); /* NULL-terminated */
void ec2_check_tags(sim_call *c, pb_value tags);
/* "10.0.0.0/16" with a prefix length in the range. */
bool ec2_cidr4(pb_str text, uint32_t *base, unsigned *bits);
pb_str ec2_ip_text(sim_call *c, uint32_t ip);

/* -- ec2_net.c -- */
void ec2_prepare(sim_call *c);
pb_value ec2_default_vpc(sim_call *c);
pb_value ec2_default_subnet(sim_call *c, pb_str zone);
/* A new interface in a subnet, not attached. groups: a list of ids, empty for the VPC's default group. */
pb_value ec2_eni_new(sim_call *c, pb_value subnet, pb_value groups, pb_str description, pb_value tags, pb_str ip);
pb_value ec2_eni_attached(sim_call *c, pb_value eni, pb_str instance, int64_t index, bool delete_with);
pb_value ec2_eni_public(sim_call *c, pb_value eni);             /* gives it an address of its own */
pb_value ec2_group_refs(sim_call *c, pb_value ids, pb_str vpc); /* [{GroupId, GroupName}] of ids in a VPC */
pb_value ec2_enis_of(sim_call *c, pb_str instance);
pb_value ec2_eni_view(sim_call *c, pb_value v);
extern const ec2_listing ec2_vpcs, ec2_subnets, ec2_enis, ec2_addresses, ec2_acls;
sim_handler ec2_create_vpc, ec2_delete_vpc, ec2_create_subnet, ec2_delete_subnet, ec2_create_eni, ec2_delete_eni,
    ec2_attach_eni, ec2_detach_eni, ec2_modify_eni, ec2_allocate_address, ec2_release_address, ec2_associate_address,
    ec2_disassociate_address, ec2_create_acl, ec2_delete_acl, ec2_create_acl_entry, ec2_delete_acl_entry;

/* -- ec2_group.c -- */
pb_value ec2_group_new(sim_call *c, pb_value vpc, pb_str name, pb_str description, pb_value tags);
pb_value ec2_group_named(sim_call *c, pb_str vpc, pb_str name); /* none: there is none, no error */
extern const ec2_listing ec2_groups, ec2_rules;
sim_handler ec2_create_group, ec2_describe_groups, ec2_delete_group, ec2_authorize, ec2_revoke;
extern const bool ec2_ingress, ec2_egress; /* what the last two take as data */

/* -- ec2_instance.c -- */
extern const ec2_listing ec2_instances;
struct ec2_move;
extern const struct ec2_move ec2_start, ec2_stop, ec2_terminate, ec2_reboot;
sim_handler ec2_run_instances, ec2_describe_instances, ec2_move_instances, ec2_reboot_instances, ec2_instance_status,
    ec2_modify_instance, ec2_instance_attribute;

/* -- ec2_volume.c -- */
pb_value ec2_volume_new(sim_call *c, pb_value spec, pb_str zone, pb_value tags);
pb_value ec2_volume_attached(sim_call *c, pb_value volume, pb_str instance, pb_value device, bool delete_with);
extern const ec2_listing ec2_volumes, ec2_snapshots;
sim_handler ec2_create_volume, ec2_delete_volume, ec2_create_snapshot, ec2_create_snapshots, ec2_describe_snapshots,
    ec2_delete_snapshot;

#endif
