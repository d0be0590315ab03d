using VirtioGuest.Commands.Network;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>A DHCP server gives an address, or one is there already.</summary>
public sealed class NetworkDhcpTest : SelfTestCase
{
    private readonly NetworkInterface _network;

    /// <summary>Creates the test.</summary>
    public NetworkDhcpTest(NetworkInterface network)
        : base(network.Name + ": an address comes by DHCP")
    {
        _network = network;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (!_network.IsUp)
        {
            return SelfTestResult.Skipped("the link is down");
        }

        if (_network.Configuration is not null)
        {
            return SelfTestResult.Skipped("there is an address already");
        }

        string? failure = _network.Dhcp(out _);
        return failure is null ? SelfTestResult.Passed : SelfTestResult.Failed(failure);
    }
}
