// UUIDs that say which run made an object.
#pragma once

#include <string>
#include <string_view>

namespace passthrough {

// The UUID that the run `run` (a word that no other run has) gives to `object`, such as "domain x-compute-01": the same
// whoever computes it, so that it is known before the object is there. A version 5 UUID (RFC 9562, 5.5), lower case.
std::string ObjectUuid(std::string_view run, std::string_view object);

}  // namespace passthrough
