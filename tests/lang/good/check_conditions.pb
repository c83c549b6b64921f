# What narrows: exists, comparisons, like, matches, in, and their combinations. Nothing in here gives a diagnostic.

type Person { name: string  mail: string?  manager: Manager? }
type Manager { name: string?  mail: string? }

fn by_exists(_p: Person): string = "?"
fn named(p: Person): bool = p.manager.name exists and p.manager.name.lower() == "mary"
fn either(p: Person): bool = not (p.mail exists) or p.mail.size() > 3
fn shown(p: Person): string = p.mail ?? p.manager.mail ?? "nobody"
fn at_work(p: Person): bool = p.mail like "*@example.com" and p.mail.ends_with(".com")
fn strict(p: Person): bool = p.mail matches "^[a-z]+@" and p.mail.size() < 64

action team.first_mail(p: Person): string pure {
  if p.mail exists {
    return p.mail
  } else if p.manager.mail exists {
    return p.manager.mail
  }
  let name = p.manager.name
  if not (name exists) {
    fail "${p.name} has no mail and no manager" code "NoMail"
  }
  return "${name}@example.com"
}

# After an `if` that leaves, its condition is known to be false.
action team.size(p: Person): int pure {
  if p.mail != "a@example.com" {
    return 0
  }
  return p.mail.size()
}

# What both sides of `or` show is known behind it.
action team.either(p: Person): string pure {
  if p.mail == "a" or p.mail == "b" {
    return p.mail
  }
  return by_exists(p)
}

action team.in_lists(people: list[Person]): list[string] pure {
  return [p.mail for p in people if p.mail exists and not (p.manager.name exists)]
}

action team.tags(tags: map[string]): string pure {
  if tags["Owner"] exists {
    return tags["Owner"]
  }
  return tags["Team"] ?? "unknown"
}
