// Whether NVIDIA's driver has taken a GPU.
#pragma once

#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// The function is bound to nvidia. `name`: "GPU 0000:01:00.0".
Findings DriverBindingProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

}  // namespace passthrough
