using System;
using System.Net;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>A command on a network port of this kernel.</summary>
internal abstract class PortCommand : DeviceCommand
{
    private readonly DeviceInventory _devices;

    protected PortCommand(DeviceInventory devices, string usage, string summary)
        : base("net", usage, summary)
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    protected sealed override int Count(ShellContext shell) => _devices.Networks.Count;

    /// <inheritdoc/>
    protected sealed override CommandResult Run(ShellContext shell, int device, string[] arguments) =>
        Run(shell, _devices.Networks[device], arguments);

    protected abstract CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments);

    protected static CommandResult Failure(NetworkPort port, string why) =>
        CommandResult.Failure($"{port.Name}: {why}");

    protected static bool TryParsePort(string text, out ushort port)
    {
        bool isPort = Number.TryParse(text, out ulong number) && number is > 0 and <= ushort.MaxValue;
        port = isPort ? (ushort)number : (ushort)0;
        return isPort;
    }

    protected static IPAddress? AddressOf(NetworkPort port) =>
        port.Stack.Configuration is { } configuration ? IPAddress.Parse(configuration.Address.ToString()) : null;
}

/// <summary><c>net N static ADDRESS/PREFIX [GATEWAY [NAMESERVER]]</c>: sets an address by hand.</summary>
internal sealed class NetworkStaticCommand : PortCommand
{
    public NetworkStaticCommand(DeviceInventory devices)
        : base(devices, "net N static ADDRESS/PREFIX [GATEWAY [NAMESERVER]]", "set an address by hand")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        string[] parts = arguments.Length is > 0 and <= 3 ? arguments[0].Split('/') : [];
        IPv4Address gateway = IPv4Address.Any;
        IPv4Address nameServer = IPv4Address.Any;
        if (parts.Length != 2
            || !IPv4Address.TryParse(parts[0], out IPv4Address address)
            || !Number.TryParse(parts[1], out ulong prefix)
            || prefix > 32
            || (arguments.Length > 1 && !IPv4Address.TryParse(arguments[1], out gateway))
            || (arguments.Length > 2 && !IPv4Address.TryParse(arguments[2], out nameServer)))
        {
            return CommandResult.WrongArguments;
        }

        if (!port.Stack.TrySetStatic(address, (int)prefix, gateway, nameServer))
        {
            return Failure(port, "these do not fit together");
        }

        shell.Output.WriteLine($"{port.Name}: {port.Stack.Configuration}");
        return CommandResult.Success;
    }
}

/// <summary><c>net N resolve NAME</c>: asks the name server.</summary>
internal sealed class NetworkResolveCommand : PortCommand
{
    public NetworkResolveCommand(DeviceInventory devices)
        : base(devices, "net N resolve NAME", "ask the name server for the addresses of a name")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (arguments.Length != 1)
        {
            return CommandResult.WrongArguments;
        }

        DnsResult result = new DnsResolver(port.Stack).Resolve(arguments[0]);
        if (result.Status != DnsStatus.Found)
        {
            return Failure(port, result.ToString());
        }

        shell.Output.WriteLine($"{port.Name}: {result}");
        return CommandResult.Success;
    }
}

/// <summary><c>net N udp-echo|tcp-echo|http PORT</c>: serves until it is stopped.</summary>
internal sealed class NetworkServeCommand : PortCommand
{
    private readonly ServiceList _services;
    private readonly Func<IPEndPoint, NetworkService> _create;

    private NetworkServeCommand(
        DeviceInventory devices,
        ServiceList services,
        string verb,
        string summary,
        Func<IPEndPoint, NetworkService> create)
        : base(devices, $"net N {verb} PORT", summary)
    {
        _services = services;
        _create = create;
    }

    /// <summary>A command for each service.</summary>
    public static NetworkServeCommand[] All(DeviceInventory devices, ServiceList services, SystemControl system) =>
    [
        new(devices, services, "udp-echo", "send datagrams back", local => new UdpEcho(local)),
        new(devices, services, "tcp-echo", "send back what connections bring", local => new TcpEcho(local)),
        new(
            devices,
            services,
            "http",
            "serve the machine's status to browsers",
            local => new StatusPage(local, system, devices)),
    ];

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (arguments.Length != 1 || !TryParsePort(arguments[0], out ushort number))
        {
            return CommandResult.WrongArguments;
        }

        if (AddressOf(port) is not IPAddress address)
        {
            return Failure(port, "there is no address");
        }

        NetworkService service = _create(new IPEndPoint(address, number));
        if (_services.Start(service) is string why)
        {
            return Failure(port, why);
        }

        shell.Output.WriteLine($"{port.Name}: {service.Name} at {service.Local}");
        return CommandResult.Success;
    }
}

/// <summary><c>net N services</c>: what runs.</summary>
internal sealed class NetworkServicesCommand : PortCommand
{
    private readonly ServiceList _services;

    public NetworkServicesCommand(DeviceInventory devices, ServiceList services)
        : base(devices, "net N services", "show what is served")
    {
        _services = services;
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        IPAddress? address = AddressOf(port);
        int count = 0;
        foreach (NetworkService service in _services.Running)
        {
            if (service.Local.Address.Equals(address))
            {
                count++;
                shell.Output.WriteLine(
                    $"{port.Name}: {service.Name} at {service.Local}, {service.Served} {service.Unit}");
            }
        }

        if (count == 0)
        {
            shell.Output.WriteLine($"{port.Name}: nothing is served");
        }

        return CommandResult.Success;
    }
}

/// <summary><c>net N stop PORT</c>: ends what is served on a port.</summary>
internal sealed class NetworkStopCommand : PortCommand
{
    private readonly ServiceList _services;

    public NetworkStopCommand(DeviceInventory devices, ServiceList services)
        : base(devices, "net N stop PORT", "end what is served on a port")
    {
        _services = services;
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (arguments.Length != 1 || !TryParsePort(arguments[0], out ushort number))
        {
            return CommandResult.WrongArguments;
        }

        return AddressOf(port) is IPAddress address && _services.Stop(address, number) > 0
            ? CommandResult.Success
            : Failure(port, $"nothing is served on port {number}");
    }
}
