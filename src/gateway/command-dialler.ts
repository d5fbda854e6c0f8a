/** Links that are brought up and hung up by commands of the operator. Source: S4.8. */
import { runDialCommand } from '../linux/dial-command.ts';
import type { LinkDialler } from './link-dialler.ts';

export const commandDialler: LinkDialler = {
  async dial({ name, interface: device, onDemand }, signal) {
    if (onDemand.way.kind !== 'command') throw new TypeError(`link ${name} has no commands`);
    const message = await runDialCommand({
      words: onDemand.way.upCommand,
      timeoutMillis: onDemand.withinMillis,
      environment: environment(name, device),
      signal,
    });
    return message === undefined ? undefined : { code: 'BS_DIAL_FAILED', message };
  },

  async hangUp(name, link, withinMillis) {
    if (!('downCommand' in link)) throw new TypeError(`link ${name} has no commands`);
    const { downCommand: words, interface: device } = link;
    return runDialCommand({ words, timeoutMillis: withinMillis, environment: environment(name, device) });
  },
};

function environment(link: string, device: string): Record<string, string> {
  return { BACKSTAY_LINK: link, BACKSTAY_INTERFACE: device };
}
