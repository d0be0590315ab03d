using Cosmos.System.Network.IPv4;

namespace Cosmos.System.Network.Config;

public class IPConfig
{
    internal IPConfig() => throw null;

    public Address IPAddress => throw null;

    public Address SubnetMask => throw null;

    public Address DefaultGateway => throw null;
}
