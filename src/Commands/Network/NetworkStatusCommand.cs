using VirtioGuest.Commands.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Network;

/// <summary><c>net N status</c>: address, link and counters.</summary>
public sealed class NetworkStatusCommand : NetworkCommand
{
    /// <summary>Creates the command.</summary>
    public NetworkStatusCommand()
        : base("net N status", "show addresses, link and counters")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkInterface network, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        TextOutput output = shell.Output;
        string start = network.Name + ": ";
        NetworkTraffic traffic = network.GetTraffic();
        output.WriteLine(
            start + network.HardwareAddress + (network.IsUp ? ", link up" : ", link down") + ", mtu "
            + DecimalText.Of((uint)network.Mtu));
        output.WriteLine(start + (network.Configuration ?? "no address"));
        output.WriteLine(
            start + "received " + Amount(traffic.FramesReceived, " frames", traffic.BytesReceived) + ", sent "
            + Amount(traffic.FramesSent, "", traffic.BytesSent) + ", dropped " + DecimalText.Of(traffic.Dropped));
        if (traffic.Reassembled + traffic.Fragmented > 0)
        {
            output.WriteLine(
                start + "in fragments: received " + DecimalText.Of(traffic.Reassembled) + ", sent "
                + DecimalText.Of(traffic.Fragmented));
        }

        if (traffic.AddressConflicts > 0)
        {
            output.WriteLine(
                start + "another station uses this address (noticed " + DecimalText.Of(traffic.AddressConflicts)
                + (traffic.AddressConflicts == 1 ? " time)" : " times)"));
        }

        foreach (DropCount drop in traffic.Drops)
        {
            output.WriteLine(start + "dropped " + DecimalText.Of(drop.Count) + ": " + drop.Reason);
        }

        return CommandResult.Success;
    }

    private static string Amount(ulong frames, string noun, ulong bytes) =>
        DecimalText.Of(frames) + noun + " (" + DecimalText.Of(bytes) + " bytes)";
}
