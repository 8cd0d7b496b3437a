#include "helpers/base/object_uuid.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace passthrough {

std::string ObjectUuid(std::string_view run, std::string_view object) {
  // A namespace of this project's own.
  constexpr boost::uuids::uuid kNamespace = {
      {0x6f, 0x3c, 0x5b, 0x0e, 0x0d, 0x59, 0x4e, 0x0f, 0x9d, 0x6a, 0x41, 0x5d, 0x27, 0x8e, 0x53, 0xc1}};
  return to_string(boost::uuids::name_generator_sha1(kNamespace)(std::string(run) + "/" + std::string(object)));
}

}  // namespace passthrough
