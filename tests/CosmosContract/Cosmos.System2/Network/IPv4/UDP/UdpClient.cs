namespace Cosmos.System.Network.IPv4.UDP;

public class UdpClient
{
    internal UdpClient() => throw null;

    public void Close() => throw null;
}
