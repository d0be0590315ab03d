using System.Collections.Generic;
using Cosmos.System.Network.IPv4;

namespace Cosmos.System.Network.Config;

public class DNSConfig
{
    public static readonly List<Address> DNSNameservers;

    internal DNSConfig() => throw null;
}
