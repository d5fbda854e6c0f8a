/**
 * What must fit together across the settings of a configuration.
 *
 * Contract: each check looks at the valid parts only and says nothing where a part it needs is missing; its `rule` is
 * what the reference tells the operator. A mistake is reported at the later of the settings that do not fit.
 */

import { privacyNeedsAuth, sameReceiver, secretsOfVersion } from './alarm-checks.ts';
import {
  alwaysALink,
  demandWithoutLink,
  familiesOfTraffic,
  onDemandBlock,
  portsOfProtocol,
  thresholdsInOrder,
} from './demand-checks.ts';
import { oneWayToDial, timeForTries } from './dial-checks.ts';
import type { DraftEntries } from './draft-entries.ts';
import { neverMatches, portsNeedProtocol, sameFamilies, sameFilterName } from './filter-checks.ts';
import {
  canaryNeedsFallback,
  masqueradedPeers,
  tiersWithoutGap,
  unknownInternetLinks,
} from './internet-checks.ts';
import { familiesOfLink, sameWay } from './link-checks.ts';
import { onePerFamily, repeatedEntries } from './list-checks.ts';
import type { Finding } from './mistake.ts';
import {
  linkAddressInside,
  peerInside,
  tunnelNetworksOverlap,
  tunnelSubnetsOverlap,
} from './network-checks.ts';
import { familiesOfPaths, mtuForIpv6 } from './path-checks.ts';
import {
  answersOfCount,
  familiesOfTargets,
  kindOfTarget,
  ownTargets,
  probeThresholds,
  sameTarget,
  targetsInside,
  tunnelsOfTargets,
} from './probe-checks.ts';
import {
  carriesNothing,
  interfaceTaken,
  peerIsSelf,
  samePeer,
  samePeerAddress,
  unknownLinks,
} from './tunnel-checks.ts';

export type CrossCheck = { readonly rule: string; readonly check: (entries: DraftEntries) => Finding[] };

export const crossChecks: readonly CrossCheck[] = [
  onePerFamily,
  repeatedEntries,
  sameWay,
  familiesOfLink,
  unknownLinks,
  samePeer,
  samePeerAddress,
  peerIsSelf,
  interfaceTaken,
  carriesNothing,
  familiesOfPaths,
  mtuForIpv6,
  tunnelNetworksOverlap,
  tunnelSubnetsOverlap,
  peerInside,
  linkAddressInside,
  portsNeedProtocol,
  sameFamilies,
  sameFilterName,
  neverMatches,
  onDemandBlock,
  oneWayToDial,
  timeForTries,
  alwaysALink,
  demandWithoutLink,
  thresholdsInOrder,
  portsOfProtocol,
  familiesOfTraffic,
  kindOfTarget,
  sameTarget,
  ownTargets,
  targetsInside,
  familiesOfTargets,
  tunnelsOfTargets,
  answersOfCount,
  probeThresholds,
  secretsOfVersion,
  privacyNeedsAuth,
  sameReceiver,
  unknownInternetLinks,
  tiersWithoutGap,
  canaryNeedsFallback,
  masqueradedPeers,
];
