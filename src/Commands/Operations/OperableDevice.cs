using System.Collections.Generic;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Operations;

/// <summary>A device that no command is made for: what can be asked of it, its driver says.</summary>
public abstract class OperableDevice
{
    /// <summary>Names a device.</summary>
    /// <param name="kind">What its kind is called, for example <c>rng</c>.</param>
    /// <param name="name">What it is called, for example <c>rng0</c>.</param>
    protected OperableDevice(string kind, string name)
    {
        Kind = kind;
        Name = name;
    }

    /// <summary>What its kind is called.</summary>
    public string Kind { get; }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Asks it for something, and waits for the answer.</summary>
    /// <param name="operation">The verb.</param>
    /// <param name="argument">How much of it, in the operation's range; 0 where it takes no argument.</param>
    /// <param name="shell">Tells of Ctrl+C; null where nobody is there to type it.</param>
    /// <param name="result">What it answered.</param>
    /// <returns>Null, or why it could not.</returns>
    public abstract Failure? Run(string operation, int argument, ShellContext? shell, out string result);
}

/// <summary><c>KIND N VERB [ARGUMENT]</c>: asks a device for what its driver offers.</summary>
public sealed class OperationCommand : DeviceCommand
{
    private readonly string _kind;
    private readonly string? _argument;
    private readonly int _maximum;

    /// <summary>Describes what can be asked of all devices of a kind.</summary>
    /// <param name="kind">What the kind is called.</param>
    /// <param name="verb">What is asked.</param>
    /// <param name="argument">What its argument is called, in upper case; null where it takes none.</param>
    /// <param name="maximum">The largest argument; 1 is the smallest.</param>
    /// <param name="summary">What it does.</param>
    public OperationCommand(string kind, string verb, string? argument, int maximum, string summary)
        : base(kind, kind + " N " + verb + (argument is null ? "" : " " + argument), summary)
    {
        _kind = kind;
        _argument = argument;
        _maximum = maximum;
    }

    /// <inheritdoc/>
    protected override int Count(ShellContext shell) => DevicesIn(shell).Count;

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, int device, string[] arguments)
    {
        ulong argument = 0;
        if (arguments.Length != (_argument is null ? 0 : 1)
            || (_argument is not null && !Number.TryParse(arguments[0], out argument)))
        {
            return CommandResult.WrongArguments;
        }

        if (_argument is not null && (argument == 0 || argument > (ulong)_maximum))
        {
            return CommandResult.Failure(_argument + " is a number from 1 to " + DecimalText.Of((ulong)_maximum));
        }

        OperableDevice asked = DevicesIn(shell)[device];
        Failure? failure = asked.Run(Verb, (int)argument, shell, out string result);
        if (failure is not null)
        {
            return CommandResult.Failure(asked.Name, failure);
        }

        shell.Output.WriteLine(result);
        return CommandResult.Success;
    }

    private List<OperableDevice> DevicesIn(ShellContext shell)
    {
        var devices = new List<OperableDevice>();
        foreach (OperableDevice device in shell.OtherDevices)
        {
            if (device.Kind == _kind)
            {
                devices.Add(device);
            }
        }

        return devices;
    }
}

/// <summary>A device answers what its driver offers for a self-test.</summary>
public sealed class OperationTest : SelfTestCase
{
    private readonly OperableDevice _device;
    private readonly string _operation;
    private readonly int _argument;

    /// <summary>Tests a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="operation">What it is asked.</param>
    /// <param name="argument">With which argument; 0 where the operation takes none.</param>
    public OperationTest(OperableDevice device, string operation, int argument)
        : base(device.Name + ": " + operation + " is answered")
    {
        _device = device;
        _operation = operation;
        _argument = argument;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        Failure? failure = _device.Run(_operation, _argument, null, out string result);
        return failure is not null ? SelfTestResult.Failed(failure.Of("the device"))
            : result.Length == 0 ? SelfTestResult.Failed("the answer is empty")
            : SelfTestResult.Passed;
    }
}
