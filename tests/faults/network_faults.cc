// What can be wrong with a network card that is passed through. That of the lab is real to its node: its frames cross
// vfio-pci and the IOMMU, and its driver is Linux's own.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// In a node: the lab's card in $name ("eth1"), its device in $device, its PCI function in $address.
constexpr char kFindCard[] =
    "for mac in /sys/class/net/*/address; do\n"
    "  case $(cat \"$mac\") in 52:54:01:*) name=${mac#/sys/class/net/} name=${name%/address} ;; esac\n"
    "done\n"
    "device=$(readlink -f \"/sys/class/net/$name/device\")\n"
    "address=${device%/*} address=${address##*/} device=${device##*/}\n";

// What the probe printed of the lab's card, as `sed` makes it.
std::string CardSays(const std::string& sed) {
  return fmt::format(
      "# probe network printed other text of the card: {0}\n"
      "cd evidence/hpc_compute_01\n"
      "cp network.txt before.txt\n"
      "name=$(awk '/^port: interface/ {{ name = $3 }} /^mac: 52:54:01:/ {{ print name }}' before.txt)\n"
      "sed \"/^port: interface $name\\$/,/^counters:/{{ {0}\n}}\" before.txt >network.txt\n"
      "! cmp -s before.txt network.txt\n"
      "rm before.txt\n",
      sed);
}

// The card is an InfiniBand port in its place, whose state, rate and counters are these.
std::string IsInfiniband(const std::string& state, const std::string& rate, const std::string& counters) {
  return CardSays(fmt::format(
      "s/^port: .*/port: infiniband mlx5_0 1/; /^pci_address/!{{ /^port/!{{ /^counters/!d; }}; }}; "
      "s/^counters:.*/link_layer: InfiniBand\\nstate: {}\\nphys_state: 5: LinkUp\\nrate: {}\\nlid: 0x2\\ncounters: {}/",
      state, rate, counters));
}

Fault OfCardInNode(Fault fault) {
  fault.cluster = FaultCluster::kDevices;
  fault.in_node.insert(fault.in_node.find('\n') + 1, kFindCard);  // its first line says what is done
  return fault;
}

Fault OfCardInEvidence(Fault fault) {
  fault.mode = FaultMode::kReplay;
  fault.cluster = FaultCluster::kDevices;
  return fault;
}

}  // namespace

// What of it the kernel has.
std::vector<Fault> NetworkFaults() {
  return {
      OfCardInNode({.id = "N43",
                    .name = "the network card's function has no driver",
                    .in_node = "# the function is unbound from virtio-pci\n"
                               "echo \"$address\" >/sys/bus/pci/drivers/virtio-pci/unbind\n",
                    .fails = {"NetworkWork.*/@card"},
                    .says = {{"NetworkWork.HasAnInterface/@card", "has no driver in the node, and so no interface"}}}),
      OfCardInNode(
          {.id = "N43b",
           .name = "the network card's driver let it go",
           .in_node = "# the virtio device is unbound from virtio_net\n"
                      "echo \"$device\" >/sys/bus/virtio/drivers/virtio_net/unbind\n",
           .fails = {"NetworkWork.*/@card"},
           .says = {{"NetworkWork.HasAnInterface/@card", "has no interface, though virtio-pci is bound to it"}}}),
      OfCardInNode({.id = "N43c",
                    .name = "the network card has no address",
                    .in_node = CoverFile("/sys/class/net/$name/address", "s/.*/00:00:00:00:00:00/"),
                    .fails = {"NetworkWork.HasAnInterface/@card"},
                    .says = {{"NetworkWork.HasAnInterface/@card", "which no card can have"}}}),
      OfCardInNode({.id = "N43d",
                    .name = "bad packets arrive at the network card",
                    .in_node = CoverFile("/sys/class/net/$name/statistics/rx_errors", "s/.*/1200/"),
                    .fails = {"NetworkWork.HasNoErrors/@card"},
                    .says = {{"NetworkWork.HasNoErrors/@card", "counts 1200 bad packets received"}}}),
      OfCardInEvidence({.id = "N43e",
                        .name = "the network card loses its carrier while it sends",
                        .in_evidence = CardSays("s/^counters:/& tx_errors=40 tx_carrier_errors=40/"),
                        .fails = {"NetworkWork.HasNoErrors/@card"},
                        .says = {{"NetworkWork.HasNoErrors/@card",
                                  "counts 40 packets that could not be sent: tx_carrier_errors 40"}}}),
      OfCardInEvidence(
          {.id = "N43f",
           .name = "bad packets arrive at the InfiniBand port",
           .in_evidence =
               IsInfiniband("4: ACTIVE", "100 Gb\\/sec (4X EDR)", "port_rcv_errors=77 port_rcv_packets=9000"),
           .fails = {"NetworkWork.HasNoErrors/@card"},
           .says = {{"NetworkWork.HasNoErrors/@card", "counts 77 bad packets received (of 9000 packets)"}}}),
  };
}

// Its link.
std::vector<Fault> NetworkLinkFaults() {
  return {
      OfCardInNode({.id = "N44",
                    .name = "the network card has no carrier",
                    .in_node = CoverFile("/sys/class/net/$name/carrier", "s/1/0/"),
                    .fails = {"NetworkWork.HasALink/@card", "NetworkWork.RunsAtItsSpeed/@card"},
                    .says = {{"NetworkWork.HasALink/@card", "has no carrier"}}}),
      OfCardInNode({.id = "N44b",
                    .name = "the network card runs at half duplex",
                    .in_node = CoverFile("/sys/class/net/$name/duplex", "s/full/half/"),
                    .fails = {"NetworkWork.RunsAtItsSpeed/@card"},
                    .says = {{"NetworkWork.RunsAtItsSpeed/@card", "runs at half duplex"}}}),
      OfCardInEvidence(
          {.id = "N44c",
           .name = "the network card is slower than both ends can",
           .in_evidence = CardSays("s/^counters:/supported_speed: 100000\\npartner_speed: 25000\\n&/"),
           .fails = {"NetworkWork.RunsAtItsSpeed/@card"},
           .says = {{"NetworkWork.RunsAtItsSpeed/@card", "runs at 10000 Mb/s, both ends can 25000 Mb/s"}}}),
      OfCardInEvidence({.id = "N44d",
                        .name = "the driver took the network card's interface away",
                        .in_evidence = CardSays("s/^operstate: .*/operstate: notpresent/"),
                        .fails = {"NetworkWork.HasALink/@card", "NetworkWork.RunsAtItsSpeed/@card"},
                        .says = {{"NetworkWork.HasALink/@card", "was taken away by its driver"}}}),
      OfCardInEvidence(
          {.id = "N44e",
           .name = "no subnet manager has configured the InfiniBand port",
           .in_evidence = IsInfiniband("2: INIT", "100 Gb\\/sec (4X EDR)", ""),
           .fails = {"NetworkWork.HasALink/@card", "NetworkWork.RunsAtItsSpeed/@card"},
           .says = {{"NetworkWork.HasALink/@card", "is INIT (physical state 5: LinkUp), expected ACTIVE"}}}),
      OfCardInEvidence({.id = "N44f",
                        .name = "the InfiniBand port has one lane of four",
                        .in_evidence = IsInfiniband("4: ACTIVE", "25 Gb\\/sec (1X EDR)", ""),
                        .fails = {"NetworkWork.RunsAtItsSpeed/@card"},
                        .says = {{"NetworkWork.RunsAtItsSpeed/@card", "runs at 25 Gb/sec (1X EDR): one lane"}}}),
  };
}

}  // namespace passthrough
