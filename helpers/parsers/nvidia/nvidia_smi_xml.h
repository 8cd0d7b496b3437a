// What the probe "nvidia_smi_xml" printed: nvidia-smi -q -x. Schemas 11 to 13 are known; others, and texts that name
// none (drivers before 4xx), are read by what is in them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"
#include "helpers/parsers/nvidia/nvidia_smi_words.h"

namespace passthrough {

// An element with text. Fields are renamed and moved between schema versions, so everything is kept
// by path and only what all versions share has a name of its own below.
struct NvidiaSmiField {
  std::string path;  // "pci/pci_gpu_link_info/link_widths/max_link_width", from the gpu element
  std::string text;  // trimmed
  int line = 0;
};

struct NvidiaSmiGpu {
  PciAddress bus_id;  // from the id attribute; "00000000:65:00.0" and "0000:65:00.0" are the same
  std::string product_name;
  std::string uuid;                 // "GPU-…"
  std::string serial;               // may be "N/A"
  std::optional<int> minor_number;  // N of /dev/nvidiaN; absent for "N/A"
  std::vector<NvidiaSmiField> fields;
  int line = 0;  // of the gpu element

  // "GPU 0000:65:00.0"
  std::string Name() const { return "GPU " + bus_id.ToString(); }
  // The first field of exactly that path, or nullptr.
  const NvidiaSmiField* Find(std::string_view field_path) const;
  // Fields whose path ends in `name`, wherever the schema version puts them.
  std::vector<const NvidiaSmiField*> FindByName(std::string_view name) const;
  // It is divided into instances (NVIDIA, "MIG User Guide").
  bool MigIsOn() const;
};

// A field whose text is an error phrase.
struct NvidiaSmiFieldProblem {
  const NvidiaSmiGpu* gpu = nullptr;  // nullptr: a field outside of any GPU
  const NvidiaSmiField* field = nullptr;
  const NvidiaSmiErrorPhrase* error = nullptr;
};

struct NvidiaSmiXml : EvidenceFile {
  static constexpr char kProbe[] = "nvidia_smi_xml";

  int schema_version = 0;  // 12 of "nvsmi_device_v12.dtd"; 0: none is named
  std::string driver_version;
  int driver_version_line = 0;
  std::string cuda_version;
  int attached_gpus = 0;  // what it says, which may differ from gpus.size(); where it does not say, gpus.size()
  int attached_gpus_line = 0;
  std::vector<NvidiaSmiGpu> gpus;      // in the order of the text
  std::vector<NvidiaSmiField> fields;  // outside of any GPU

  // Throws EvidenceError with path and line: not XML (with the first line of the text, which is
  // where nvidia-smi says why), not nvidia-smi's, a bus id that is none.
  static NvidiaSmiXml Parse(std::string_view text, const std::filesystem::path& path);

  // Every field with an error phrase, but for the names of processes, which are the users', and for
  // what a GPU with MIG on tells root alone ("Insufficient Permissions": its memory in use, for one).
  // The result points into this.
  std::vector<NvidiaSmiFieldProblem> Problems() const;
  // Of other schemas, elements may have other names, or be missing.
  bool SchemaIsKnown() const { return schema_version >= 11 && schema_version <= 13; }
};

}  // namespace passthrough
