using System;
using System.Collections.Generic;
using Cosmos.HAL;
using Cosmos.System.Network;
using Cosmos.System.Network.Config;
using Cosmos.System.Network.IPv4;
using Cosmos.System.Network.IPv4.UDP.DHCP;
using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>Cosmos' own IPv4 over one card.</summary>
/// <remarks>
/// Cosmos has one DHCP client for all cards: it takes all addresses away, asks on every card at once, which fails with
/// more than one, and gives the answer to the first. So the others are out of its list while it asks, and after it only
/// this card has an address. Nor does it get past a name server that is known already, so none is.
/// </remarks>
internal sealed class CosmosStack : IPv4Stack
{
    private readonly NetworkDevice _device;
    private EchoClient? _echo;

    /// <summary>Covers a card.</summary>
    internal CosmosStack(NetworkDevice device)
    {
        _device = device;
    }

    /// <inheritdoc/>
    public override IPv4Settings? Settings
    {
        get
        {
            IPConfig? config = NetworkConfiguration.Get(_device);
            uint address = config == null ? 0 : Number(config.IPAddress);
            return address == 0
                ? null
                : new IPv4Settings(address, Number(config!.SubnetMask), Number(config.DefaultGateway), NameServer());
        }
    }

    /// <inheritdoc/>
    public override string? RunDhcp()
    {
        List<NetworkDevice> devices = NetworkDevice.Devices;
        NetworkDevice[] all = devices.ToArray();
        devices.Clear();
        devices.Add(_device);
        DNSConfig.DNSNameservers.Clear();
        string? failure = Ask();
        devices.Clear();
        for (int i = 0; i < all.Length; i++)
        {
            devices.Add(all[i]);
        }

        return failure;
    }

    /// <inheritdoc/>
    public override void Listen(uint from)
    {
        _echo = new EchoClient();
        _echo.Connect(new Address(from));
    }

    /// <inheritdoc/>
    public override byte[]? Take() => _echo == null ? null : _echo.Take();

    /// <inheritdoc/>
    public override void StopListening()
    {
        if (_echo != null)
        {
            _echo.Close();
            _echo = null;
        }
    }

    /// <inheritdoc/>
    public override void Send(uint source, uint destination, byte[] message)
    {
        OutgoingBuffer.AddPacket(new EchoPacket(new Address(source), new Address(destination), message), _device);
        NetworkStack.Update();
    }

    // Closed whatever came of it: a client that is left open keeps the port from the next one.
    private static string? Ask()
    {
        string? failure = null;
        DHCPClient client = new DHCPClient();
        try
        {
            if (client.SendDiscoverPacket() < 0)
            {
                failure = "no DHCP server offered an address";
            }
        }
        catch (Exception exception)
        {
            failure = ExceptionText.Of(exception);
        }

        client.Close();
        return failure;
    }

    /// <summary>The name server that came with the address: Cosmos keeps one list for all cards.</summary>
    private static uint NameServer()
    {
        List<Address> servers = DNSConfig.DNSNameservers;
        return servers.Count == 0 ? 0 : Number(servers[0]);
    }

    /// <summary>An address as a number; what a server did not name is null.</summary>
    private static uint Number(Address? address) => address == null ? 0 : address.ToUInt32();
}
