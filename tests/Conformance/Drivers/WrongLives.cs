using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>
/// Drivers that go wrong about a device's life: status, features, configuration (virtio 1.4, 2 and 3).
/// </summary>
internal static class WrongLives
{
    private const uint Writeback = 32;

    public static IEnumerable<WrongDriver> All()
    {
        yield return new("drv.general.1", "says DRIVER without ACKNOWLEDGE", Setups.Disk(), driver =>
        {
            driver.Omit("acknowledge");
            driver.Replace("driver", () => driver.Status = 2);
        });
        yield return new("drv.general.2", "takes DRIVER_OK back", Setups.Disk(), driver =>
            driver.After("work", () => driver.Status = 0xB));
        yield return new("drv.general.3", "goes on after FAILED", Setups.Disk(), driver =>
            driver.After("work", () =>
            {
                driver.Status = 0x8F;
                driver.Status = 0xF;
            }));
        yield return new("drv.general.5", "accepts INDIRECT_DESC unasked", Setups.Disk(), driver =>
            driver.Choose = offered => offered | FeatureBit.IndirectDescriptors);
        yield return new("drv.general.5", "accepts tunnels of a card that has none", Setups.Card(), driver =>
            driver.Before("agree", () =>
            {
                driver.Machine.Write(0x00, 4, 2);
                driver.Machine.Read(0x04, 4);
                driver.Machine.Write(0x08, 4, 2);
                driver.Machine.Write(0x0C, 4, 1 << 3);
            }));
        yield return new("drv.general.7", "accepts tunnels without a look at the offer", Setups.Card(), driver =>
            driver.Before("agree", () =>
            {
                driver.Machine.Write(0x08, 4, 2);
                driver.Machine.Write(0x0C, 4, 1 << 3);
            }));
        yield return new(
            "drv.general.6",
            "accepts HOST_TSO4 without CSUM",
            Setups.Card(NetFeature.Checksum | NetFeature.HostTso4),
            driver => driver.Choose = offered => offered & ~NetFeature.Checksum);
        yield return new("drv.general.7", "accepts VERSION_1 without a look", Setups.Disk(), driver =>
        {
            driver.Omit("offer");
            driver.Choose = _ => FeatureBit.Version1;
        });
        yield return new("drv.general.8", "accepts a reserved bit", Setups.Offering(1UL << 45), driver =>
            driver.Choose = offered => offered);
        yield return new("drv.general.8", "accepts bits of a third word", Setups.Disk(), driver =>
            driver.Before("agree", () =>
            {
                driver.Machine.Write(0x08, 4, 2);
                driver.Machine.Write(0x0C, 4, 1);
            }));
        yield return new("drv.general.14", "reads the capacity without the generation", Setups.Disk(), driver =>
            driver.Replace("configuration", () =>
            {
                driver.ReadField(0, 4);
                driver.ReadField(4, 4);
            }));
        yield return new("drv.general.14", "takes a capacity that changed under it", Setups.Disk(), driver =>
            driver.Replace("configuration", () =>
            {
                driver.ReadGeneration();
                driver.ReadField(0, 4);
                ((BlockDevice)driver.Model).Resize(32);
                driver.ReadField(4, 4);
                driver.ReadGeneration();
            }));
        yield return new("drv.general.15", "reads a block size that is not offered", Setups.Disk(), driver =>
            driver.After("confirm", () => driver.ReadField(20, 4)));
        yield return new(
            "drv.general.20",
            "enables a queue again without its addresses",
            Setups.Disk(FeatureBit.RingReset),
            driver => driver.After("work", () =>
            {
                ResetQueue(driver, waits: true);
                driver.SetUpQueue(0, hasAddresses: false);
            }));
        yield return new("drv.general.21", "does not reset the device first", Setups.Disk(), driver =>
        {
            driver.Omit("reset");
            driver.Omit("wait");
        });
        yield return new("drv.general.21", "does not read FEATURES_OK back", Setups.Disk(), driver =>
            driver.Omit("confirm"));
        yield return new("drv.general.21", "accepts features before DRIVER", Setups.Disk(), driver =>
        {
            driver.Omit("accept");
            driver.Before("driver", () =>
            {
                driver.ReadOffer();
                driver.WriteFeatures(FeatureBit.Version1);
            });
        });
        yield return new(
            "drv.general.23",
            "turns the cache off before FEATURES_OK",
            Setups.Disk(BlockFeature.ConfigWce | BlockFeature.Flush),
            driver => driver.Before("agree", () => WriteCacheMode(driver)));
        yield return new("drv.general.24", "accepts features once more", Setups.Disk(), driver =>
            driver.After("confirm", () => driver.WriteFeatures(driver.Accepted)));
        yield return new("drv.general.26", "goes on where its features were refused", Setups.Disk(), driver =>
        {
            driver.Model.RefusesFeatures = true;
            driver.Replace("confirm", () => _ = driver.Status);
            driver.Omit("work");
        });
        yield return new("drv.general.27", "notifies before DRIVER_OK", Setups.Disk(), driver =>
            driver.Before("live", () => driver.Notify(driver.Ring)));
        yield return new("drv.general.28", "changes a descriptor that the device has", Setups.Disk(), driver =>
        {
            HeldBackCompletion held = new();
            driver.Model.Queues[0].Policy = held;
            driver.Replace("work", () =>
            {
                driver.Request(0, 0, [], 512);
                driver.Machine.Put32(driver.Ring.Descriptors + 16 + 8, 1024);
                held.Release(1);
                driver.Model.Run();
            });
        });
        foreach (WrongDriver each in Suspensions())
        {
            yield return each;
        }

        foreach ((string id, ulong feature) in new[]
        {
            ("drv.general.38", FeatureBit.AccessPlatform),
            ("drv.general.41", FeatureBit.RingPacked),
            ("drv.general.42", FeatureBit.OrderPlatform),
            ("drv.general.48", FeatureBit.NotificationConfigurationData),
        })
        {
            yield return new(id, $"leaves {feature:x} alone", Setups.Disk(feature), driver =>
                driver.Choose = offered => offered & ~feature);
        }

        yield return new("drv.general.36", "leaves VERSION_1 alone", Setups.Disk(), driver =>
            driver.Choose = offered => offered & ~FeatureBit.Version1);
        yield return new("drv.general.45", "accepts SR_IOV", Setups.Offering(1UL << 37), driver =>
            driver.Choose = offered => offered);
    }

    /// <summary>Resets the first queue alone.</summary>
    public static void ResetQueue(TinyDriver driver, bool waits)
    {
        driver.Machine.Write(0x16, 2, 0);
        driver.Machine.Write(0x3A, 2, 1);
        while (waits && driver.Machine.Read(0x3A, 2) != 0)
        {
        }
    }

    private static IEnumerable<WrongDriver> Suspensions()
    {
        TinySetup setup = Setups.Disk(FeatureBit.Suspend | BlockFeature.ConfigWce | BlockFeature.Flush);
        yield return new("drv.general.30", "suspends a device that cannot be", Setups.Disk(), driver =>
            driver.After("work", () => Suspend(driver)));
        yield return new("drv.general.31", "does not look whether it is suspended", setup, driver =>
            driver.After("work", () => driver.Status = 0x1F));
        yield return new("drv.general.33", "notifies a suspended device", setup, driver =>
            driver.After("work", () =>
            {
                Suspend(driver);
                driver.Notify(driver.Ring);
            }));
        yield return new("drv.general.34", "configures a suspended device", setup, driver =>
            driver.After("work", () =>
            {
                Suspend(driver);
                WriteCacheMode(driver);
            }));
        yield return new("drv.general.35", "uses a device that has not resumed", setup, driver =>
            driver.After("work", () =>
            {
                Suspend(driver);
                driver.Status = 0xF;
                driver.Notify(driver.Ring);
            }));
    }

    private static void Suspend(TinyDriver driver)
    {
        driver.Status = 0x1F;
        _ = driver.Status;
    }

    private static void WriteCacheMode(TinyDriver driver) =>
        driver.Machine.Write(TinyMachine.Configuration + Writeback, 1, 0);
}
