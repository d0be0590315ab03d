using Cosmos.HAL;

namespace Cosmos.System.Network.Config;

public static class NetworkConfiguration
{
    public static IPConfig Get(NetworkDevice device) => throw null;
}
