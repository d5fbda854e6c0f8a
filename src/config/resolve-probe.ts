/** The `probe` block of a link as the rest of the program reads it. Pure; takes what has passed all checks. */

import type { ProbeConfig, ProbeTarget } from './config.ts';
import type { ParsedProbe, ParsedTarget } from './probe-section.ts';

/** Without a `delay-below` of its own: far enough from `delay-above` that a delay at the limit does not flap. */
const belowOfAbove = 0.8;

export function resolveProbe(parsed: ParsedProbe): ProbeConfig {
  const above = parsed['delay-above'];
  return {
    targets: parsed.targets.flatMap(resolveTarget),
    rule: parsed.rule,
    count: parsed.count,
    answers: parsed.answers,
    everyMillis: parsed.every,
    timeoutMillis: parsed.timeout,
    intervalMillis: parsed.interval,
    retries: parsed.retries,
    recover: parsed.recover,
    holdMillis: parsed.hold,
    holdMostMillis: parsed['hold-most'],
    calmMillis: parsed.calm,
    lossAbove: parsed['loss-above'],
    lossBelow: parsed['loss-below'],
    delay:
      above === undefined
        ? undefined
        : { aboveMillis: above, belowMillis: parsed['delay-below'] ?? above * belowOfAbove },
  };
}

/** One, as the checks have seen to it. */
function resolveTarget({ icmp, tcp, dns, name, http, tunnel }: ParsedTarget): ProbeTarget[] {
  if (icmp !== undefined) return [{ kind: 'icmp', address: icmp }];
  if (tcp !== undefined) return [{ kind: 'tcp', place: tcp }];
  if (dns !== undefined) return [{ kind: 'dns', server: dns, name: name ?? '' }];
  if (http !== undefined) {
    const { path, ...place } = http;
    return [{ kind: 'http', place, path }];
  }
  if (tunnel !== undefined) return [{ kind: 'tunnel', tunnel }];
  return [{ kind: 'neighbour' }];
}
