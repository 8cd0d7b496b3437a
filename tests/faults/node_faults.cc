// What can be wrong with a node as a machine.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

std::vector<Fault> NodeFaults() {
  return {
      {.id = "N30",
       .name = "another machine answers at the node's address",
       .in_node = CoverFile("/sys/class/dmi/id/product_uuid", "s/.*/00000000-1111-2222-3333-444444444444/"),
       .fails = {"NodeIdentity.IsTheDomainItClaimsToBe/@node"},
       .says = {{"NodeIdentity.IsTheDomainItClaimsToBe/@node", "has UUID 00000000-1111-2222-3333-444444444444"}}},
      {.id = "N30b",
       .name = "the node has another address than configured",
       .cluster_file = "s/192.168.140.11/192.168.140.12/",
       .fails = {"NodeIdentity.HasItsConfiguredAddress/@node"},
       .says = {{"NodeIdentity.HasItsConfiguredAddress/@node",
                 "it is reached at 192.168.140.11, expected 192.168.140.12"}}},
  };
}

}  // namespace passthrough
