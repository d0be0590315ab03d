namespace Cosmos.System.Network.IPv4.UDP.DHCP;

public class DHCPClient : UdpClient
{
    public DHCPClient() => throw null;

    public int SendDiscoverPacket() => throw null;
}
