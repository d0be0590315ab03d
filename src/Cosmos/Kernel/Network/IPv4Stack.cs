using VirtioGuest.Commands.Network;
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
