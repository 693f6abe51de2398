// An absolute URL taken apart into what wasi:http wants to know. Knows nothing of the network.

/** Where an outbound request goes. */
export class Target {
  constructor(
    public secure: bool,
    public authority: string,
    public path: string,
  ) {}

  /** Null for a URL that is not absolute http(s), names no host, carries a user name, or holds a space or control. */
  static parse(url: string): Target | null {
    for (let i = 0; i < url.length; i++) {
      const unit = url.charCodeAt(i);
      if (unit <= 0x20 || unit == 0x7f) return null;
    }
    const secure = url.startsWith('https://');
    if (!secure && !url.startsWith('http://')) return null;
    const start = secure ? 8 : 7;
    let end = start;
    while (end < url.length && !isDelimiter(url.charCodeAt(end))) end++;
    const authority = url.substring(start, end);
    if (!authority.length || authority.includes('@')) return null;
    const mark = url.indexOf('#', end);
    const rest = url.substring(end, mark < 0 ? url.length : mark);
    return new Target(secure, authority, rest.startsWith('/') ? rest : '/' + rest);
  }
}

function isDelimiter(unit: i32): bool {
  return unit == 0x2f || unit == 0x3f || unit == 0x23;
}
