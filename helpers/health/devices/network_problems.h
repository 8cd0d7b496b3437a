// What can be wrong with a network card. `address`: its function in the node; `name`: the device as messages name it,
// "network function 0000:05:00.0". A function may have several interfaces and InfiniBand ports: one of them with a
// link is enough, for the others need not be connected.
#pragma once

#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/network_evidence.h"

namespace passthrough {

// No driver, no interface, no address of its own. That programs drive the function by themselves, as DPDK's do, is a
// note.
Findings MissingInterfaceProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name);

// No carrier; an InfiniBand port that is not ACTIVE. An interface that is switched off is a note: its link is not
// known then (Documentation/ABI/testing/sysfs-class-net, "carrier").
Findings NetworkLinkProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name);

// Half duplex; slower than both ends can; one lane of InfiniBand. Slower than this end can is a note, where what the
// other end can is not known.
Findings NetworkSpeedProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name);

// Errors that the kernel counts since the driver was loaded, against the packets of that time: more than one in a
// million are failures, single ones are notes. What was dropped for lack of room, and links that went down, are notes.
Findings NetworkErrorProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name);

}  // namespace passthrough
