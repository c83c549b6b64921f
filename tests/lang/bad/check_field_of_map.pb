fn a(tags: map[string]): string? = tags.Owner   # expect: PB0207 is read with ["Owner"]
