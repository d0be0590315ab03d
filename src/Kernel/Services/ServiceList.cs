using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace VirtioGuest.Kernel.Services;

/// <summary>The services that run.</summary>
internal sealed class ServiceList
{
    private readonly Lock _gate = new();
    private readonly List<NetworkService> _running = [];

    /// <summary>The services that run, in the order in which they were started.</summary>
    public NetworkService[] Running
    {
        get
        {
            lock (_gate)
            {
                return [.. _running];
            }
        }
    }

    /// <summary>Starts a service.</summary>
    /// <returns>Null, or why it cannot be started.</returns>
    public string? Start(NetworkService service)
    {
        try
        {
            service.Start();
        }
        catch (SocketException e)
        {
            service.Dispose();
            return $"port {service.Local.Port} cannot be had: {e.Message}";
        }

        lock (_gate)
        {
            _running.Add(service);
        }

        return null;
    }

    /// <summary>Stops what was started on a port of an address.</summary>
    /// <returns>How many services that were.</returns>
    public int Stop(IPAddress address, int port)
    {
        List<NetworkService> stopped;
        lock (_gate)
        {
            stopped = _running.FindAll(service => service.Local.Port == port && service.Local.Address.Equals(address));
            _running.RemoveAll(stopped.Contains);
        }

        stopped.ForEach(service => service.Dispose());
        return stopped.Count;
    }
}
