namespace VirtioGuest.Commands.Network;

/// <summary><c>net N dhcp</c>: gets an address.</summary>
public sealed class NetworkDhcpCommand : NetworkCommand
{
    /// <summary>Creates the command.</summary>
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

        string? failure = network.Dhcp(out string lease);
        if (failure is not null)
        {
            return Failure(network, failure);
        }

        shell.Output.WriteLine(network.Name + ": " + lease);
        return CommandResult.Success;
    }
}
