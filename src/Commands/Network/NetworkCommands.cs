using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Network;

/// <summary>A command on a network interface: <c>net N verb ...</c>.</summary>
public abstract class NetworkCommand : DeviceCommand
{
    /// <param name="usage">How it is called.</param>
    /// <param name="summary">What it does.</param>
    protected NetworkCommand(string usage, string summary)
        : base("net", usage, summary)
    {
    }

    /// <inheritdoc/>
    protected sealed override int Count(ShellContext shell) => shell.Networks.Length;

    /// <inheritdoc/>
    protected sealed override CommandResult Run(ShellContext shell, int device, string[] arguments) =>
        Run(shell, shell.Networks[device], arguments);

    /// <summary>Runs the command on an interface.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="network">The interface.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, NetworkInterface network, string[] arguments);

    /// <summary>Fails because of the interface.</summary>
    protected static CommandResult Failure(NetworkInterface network, Failure failure) =>
        CommandResult.Failure(network.Name, failure);

    /// <summary>Fails because of what was asked of the interface.</summary>
    protected static CommandResult Failure(NetworkInterface network, string why) =>
        CommandResult.Failure(network.Name + ": " + why);
}

/// <summary><c>net N status</c>: shows addresses, link and counters.</summary>
public sealed class NetworkStatusCommand : NetworkCommand
{
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

        foreach (Counter drop in traffic.Drops)
        {
            output.WriteLine(start + "dropped " + DecimalText.Of(drop.Value) + ": " + drop.Name);
        }

        return CommandResult.Success;
    }

    private static string Amount(ulong frames, string noun, ulong bytes) =>
        DecimalText.Of(frames) + noun + " (" + DecimalText.Of(bytes) + " bytes)";
}

/// <summary><c>net N dhcp</c>: gets an address.</summary>
public sealed class NetworkDhcpCommand : NetworkCommand
{
    public NetworkDhcpCommand()
        : base("net N dhcp", "get an address by DHCP")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkInterface network, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        Failure? failure = network.Dhcp(out string lease);
        if (failure is not null)
        {
            return Failure(network, failure);
        }

        shell.Output.WriteLine(network.Name + ": " + lease);
        return CommandResult.Success;
    }
}
