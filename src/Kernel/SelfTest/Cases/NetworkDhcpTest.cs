using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>A DHCP server gives an address, or one is there already.</summary>
internal sealed class NetworkDhcpTest : SelfTestCase
{
    private readonly NetworkPort _port;

    /// <summary>Creates the test.</summary>
    public NetworkDhcpTest(NetworkPort port)
        : base(port.Name + ": an address comes by DHCP")
    {
        _port = port;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (!_port.Link.IsUp)
        {
            return SelfTestResult.Skipped("the link is down");
        }

        if (_port.Stack.Configuration is not null)
        {
            return SelfTestResult.Skipped("there is an address already");
        }

        DhcpResult result = _port.Dhcp();
        return SelfTestResult.Expect(result.Status == DhcpStatus.Bound, result.ToString());
    }
}
