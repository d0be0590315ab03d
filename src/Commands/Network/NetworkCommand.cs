namespace VirtioGuest.Commands.Network;

/// <summary>A command on a network interface: <c>net N verb ...</c>.</summary>
public abstract class NetworkCommand : DeviceCommand
{
    /// <summary>Describes a command.</summary>
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
    /// <param name="network">On what.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, NetworkInterface network, string[] arguments);

    /// <summary>Reports a failure of an interface.</summary>
    protected static CommandResult Failure(NetworkInterface network, string why) =>
        CommandResult.Failure(network.Name + ": " + why);
}
