using System;
using System.Collections.Generic;
using Cosmos.HAL;
using Cosmos.System.Network;
using Cosmos.System.Network.Config;
using Cosmos.System.Network.IPv4;
using Cosmos.System.Network.IPv4.UDP.DHCP;
using VirtioGuest.Commands.Network;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>IPv4 over one card, as the kit below has it.</summary>
/// <remarks>Addresses are numbers whose highest byte is the one written first; 0 stands for none.</remarks>
internal abstract class IPv4Stack
{
    /// <summary>The addresses in use; null where the card has none.</summary>
    public abstract IPv4Settings? Settings { get; }

    /// <summary>Asks a DHCP server for an address, and uses it.</summary>
    /// <returns>Null, or why there is none. Where one came is told by <see cref="Settings"/>.</returns>
    public abstract string? RunDhcp();

    /// <summary>Keeps the ICMP messages that come from a host from now on.</summary>
    public abstract void Listen(uint from);

    /// <summary>Takes the oldest message that was kept.</summary>
    /// <returns>The whole frame, or null where there is none.</returns>
    public abstract byte[]? Take();

    /// <summary>Keeps no further messages, and drops those that are there.</summary>
    public abstract void StopListening();

    /// <summary>Sends an ICMP message; the address of the next hop is asked for first where it is not known.</summary>
    public abstract void Send(uint source, uint destination, byte[] message);
}

/// <summary>
/// What an interface was told of the network it is in. Addresses are numbers whose highest byte is the one written
/// first; 0 stands for none.
/// </summary>
internal sealed class IPv4Settings
{
    private const int AddressBits = 32;

    /// <summary>Takes the addresses.</summary>
    /// <param name="address">The interface's own.</param>
    /// <param name="mask">Which of its bits name the link.</param>
    /// <param name="gateway">The router.</param>
    /// <param name="nameServer">The name server.</param>
    internal IPv4Settings(uint address, uint mask, uint gateway, uint nameServer)
    {
        Address = address;
        Mask = mask;
        Gateway = gateway;
        NameServer = nameServer;
    }

    /// <summary>The interface's own address.</summary>
    internal uint Address { get; }

    /// <summary>Which bits of an address name the link.</summary>
    internal uint Mask { get; }

    /// <summary>The router.</summary>
    internal uint Gateway { get; }

    /// <summary>The name server.</summary>
    internal uint NameServer { get; }

    /// <summary>
    /// The settings as <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3</c>; what there is not is left out.
    /// </summary>
    public override string ToString()
    {
        string text = IPv4Text.Format(Address) + "/" + DecimalText.Of(PrefixLength(Mask));
        if (Gateway != 0)
        {
            text += ", gateway " + IPv4Text.Format(Gateway);
        }

        return NameServer == 0 ? text : text + ", dns " + IPv4Text.Format(NameServer);
    }

    /// <summary>How many bits a mask has before its first zero.</summary>
    private static uint PrefixLength(uint mask)
    {
        uint length = 0;
        while (length < AddressBits && (mask & (0x8000_0000u >> (int)length)) != 0)
        {
            length++;
        }

        return length;
    }
}

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

    public override IPv4Settings? Settings
    {
        get
        {
            IPConfig? config = NetworkConfiguration.Get(_device);
            uint address = config is null ? 0 : Number(config.IPAddress);
            return address == 0
                ? null
                : new IPv4Settings(address, Number(config!.SubnetMask), Number(config.DefaultGateway), NameServer());
        }
    }

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

    public override void Listen(uint from)
    {
        _echo = new EchoClient();
        _echo.Connect(new Address(from));
    }

    public override byte[]? Take() => _echo is null ? null : _echo.Take();

    public override void StopListening()
    {
        if (_echo is not null)
        {
            _echo.Close();
            _echo = null;
        }
    }

    public override void Send(uint source, uint destination, byte[] message)
    {
        OutgoingBuffer.AddPacket(new EchoPacket(new Address(source), new Address(destination), message), _device);
        NetworkStack.Update();
    }

    // Closed whatever came of it: a client that is left open keeps the port from the next one.
    private static string? Ask()
    {
        string? failure = null;
        var client = new DHCPClient();
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
    private static uint Number(Address? address) => address is null ? 0 : address.ToUInt32();
}
