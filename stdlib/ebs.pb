# ebs.pb - disks as evidence.

# Snapshots of all volumes of an instance, taken at one moment (consistent over the volumes), tagged with the incident, the
# instance and what you give. The tag `ir:action-key` names incident and instance: when all volumes have a snapshot under it,
# none is made again. A snapshot that failed is made anew. The snapshots hold what they must from the moment they are `pending`,
# so the instance may be changed at once; memory and instance-store disks are not in them.
action ebs.snapshot_volumes(
  i: Instance,
  tags: map[string] = {}
): { changed: bool, detail: string, ids: list[string] } contain on i {
  let volumes = [
    v.VolumeId
    for v in aws.ec2.DescribeVolumes(Filters: [{ Name: "attachment.instance-id", Values: [i.id] }]).Volumes
    if v.VolumeId exists
  ]
  if volumes.size() == 0 {
    return { changed: false, detail: "${i.id} has no EBS volume: there is nothing to keep", ids: [] }
  }
  let key = "${run.incident_id}/${i.id}"
  let filters = [{ Name: "tag:ir:action-key", Values: [key] }, { Name: "status", Values: ["pending", "completed"] }]
  let kept = [
    s
    for s in aws.ec2.DescribeSnapshots(OwnerIds: ["self"], Filters: filters).Snapshots
    if s.SnapshotId exists and s.VolumeId exists
  ]
  if all(v in volumes: any(s in kept: s.VolumeId == v)) {
    return {
      changed: false
      detail: "the ${volumes.size()} volume(s) of ${i.id} had snapshots for ${run.incident_id} already"
      ids: [s.SnapshotId for s in kept if s.SnapshotId exists]
    }
  }
  do aws.ec2.CreateSnapshots(
    InstanceSpecification: { InstanceId: i.id, ExcludeBootVolume: false },
    Description: "Evidence of ${run.incident_id} from ${i.id}",
    CopyTagsFromSource: "volume",
    TagSpecifications: [{
      ResourceType: "snapshot"
      Tags: [{ Key: "ir:action-key", Value: key }, { Key: "ir:instance", Value: i.id }]
        + [{ Key: k, Value: tags[k] } for k in tags.keys()]
    }]
  ) as taken
  verify all(
    v in volumes:
    any(s in aws.ec2.DescribeSnapshots(OwnerIds: ["self"], Filters: filters).Snapshots: s.VolumeId == v)
  ) within 60s else "not every volume of ${i.id} has a snapshot after they were asked for"
  let made = [s.SnapshotId for s in taken.Snapshots if s.SnapshotId exists]
  return { changed: true, detail: "snapshots ${made.join(", ")} of ${i.id} taken", ids: made }
} undo none "the snapshots are evidence: they are kept"
