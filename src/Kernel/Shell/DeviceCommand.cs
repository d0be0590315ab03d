using System;
using System.Collections.Generic;

namespace VirtioGuest.Kernel.Shell;

/// <summary>A command on one of several devices: name, number of the device, verb, arguments.</summary>
/// <typeparam name="TDevice">What the number counts.</typeparam>
internal abstract class DeviceCommand<TDevice> : DeviceCommand
    where TDevice : class
{
    private readonly string _noun;

    /// <summary>Describes a command.</summary>
    /// <param name="noun">What a device is called, as in <c>disk0</c>.</param>
    /// <param name="verb">The third word.</param>
    /// <param name="usage">How it is called.</param>
    /// <param name="summary">What it does.</param>
    protected DeviceCommand(string noun, string verb, string usage, string summary)
        : base(verb, usage, summary)
    {
        _noun = noun;
    }

    /// <inheritdoc/>
    public sealed override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (!Number.TryParse(arguments[0], out ulong index))
        {
            return CommandResult.WrongArguments;
        }

        IReadOnlyList<TDevice> devices = Devices(shell);
        return index < (ulong)devices.Count
            ? Run(shell, devices[(int)index], arguments[2..])
            : CommandResult.Failure("there is no " + _noun + arguments[0]);
    }

    /// <summary>The devices that the number counts.</summary>
    protected abstract IReadOnlyList<TDevice> Devices(ShellContext shell);

    /// <summary>Runs the command on a device.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="device">On what.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, TDevice device, ReadOnlySpan<string> arguments);
}

/// <summary>A command that is known by its first and its third word.</summary>
internal abstract class DeviceCommand : Command
{
    /// <summary>Describes a command.</summary>
    protected DeviceCommand(string verb, string usage, string summary)
        : base(usage, summary)
    {
        Verb = verb;
    }

    /// <summary>The third word.</summary>
    public string Verb { get; }
}
